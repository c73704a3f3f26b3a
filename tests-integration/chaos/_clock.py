"""A wall clock that jumps when the harness says so: import this before anything that asks for the time.

When a clock is set, the system says that it was started at another time, too: so does psutil here.
"""

import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

from psutil import _pslinux

CLOCK = "HCS_CHAOS_CLOCK"
_OFFSET = struct.Struct("<d")


def new_clock(path: Path) -> None:
    """Make a file that says by how many seconds the clock is wrong."""
    path.write_bytes(_OFFSET.pack(0.0))


def jump(path: Path, seconds: float) -> None:
    """Make the clock of every process that looks at this file wrong by so much, at once."""
    with path.open("r+b") as file:
        file.write(_OFFSET.pack(seconds))


def _shift(path: Path) -> None:
    with path.open("rb") as file:
        offset = mmap.mmap(file.fileno(), _OFFSET.size, access=mmap.ACCESS_READ)

    def shifted(real: Callable[[], float]) -> Callable[[], float]:
        return lambda: real() + float(_OFFSET.unpack_from(offset)[0])

    time.time = shifted(time.time)
    _pslinux.boot_time = shifted(_pslinux.boot_time)


if chosen := os.environ.get(CLOCK):
    _shift(Path(chosen))
