"""Carry Ethernet frames between two TAP devices, late and with losses, until standard input ends.

What ``tc netem`` does, for kernels without it.
"""

import contextlib
import fcntl
import os
import random
import select
import struct
import sys
import time
from collections import deque

TUNSETIFF = 0x400454CA  # linux/if_tun.h
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
FRAME_NBYTES = 1 << 16
FRAMES_PER_TURN = 64
STDIN = 0


def carry(ends: list[int], delay: float, loss: float) -> None:
    """Carry frames from each end to the other.

    Args:
        ends: Descriptors of two devices.
        delay: Seconds.
        loss: From 0 to 1.
    """
    there = dict(zip(ends, reversed(ends), strict=True))
    waiting: deque[tuple[float, int, bytes]] = deque()
    while True:
        left = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready = select.select([*ends, STDIN], [], [], left)[0]
        if STDIN in ready:
            return
        now = time.monotonic()
        for end in ready:
            frames = take(end)
            waiting += [(now + delay, there[end], frame) for frame in frames if random.random() >= loss]
        while waiting and waiting[0][0] <= now:
            _, end, frame = waiting.popleft()
            with contextlib.suppress(OSError):  # it is down
                os.write(end, frame)


def take(end: int) -> list[bytes]:
    """Return the frames that are there."""
    frames: list[bytes] = []
    with contextlib.suppress(OSError):  # no more, or it is down
        while len(frames) < FRAMES_PER_TURN:
            frames.append(os.read(end, FRAME_NBYTES))
    return frames


def new_tap(name: str) -> int:
    """Make a TAP device, which is there until its descriptor is closed."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return end


def main(near: str, far: str, delay: str, loss: str) -> None:
    """Make both devices, say so, and carry."""
    ends = [new_tap(near), new_tap(far)]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    carry(ends, float(delay), float(loss))


if __name__ == "__main__":
    main(*sys.argv[1:])
