"""From a device's memory into a block by one DMA, in order with what the pipeline computes there.

The copy has a stream of its own. It begins when the array's stream has done what it was given before `start`,
and what that is given afterwards waits for the copy's end: a pipeline that overwrites the array at once
neither spoils the image nor is held up. Who does not say which stream computes the array is waited for.
"""

import logging
import os
import threading
from contextlib import suppress
from functools import cache

import numpy as np

from hcs_protocol import DeviceError

from ._cuda import Cuda, cuda_runtime
from ._device_memory import DeviceMemory
from ._pinned import Pinned
from ._platform import at_fork
from ._ring import Ring

logger = logging.getLogger(__name__)

SWITCH = "HCS_GPU_PINNED"
"""``0`` registers no memory."""


class DeviceCopies:
    """Copies from all devices of this process; any thread may call it."""

    def __init__(self, cuda: Cuda, *, pinned: bool | None = None) -> None:
        """Touch no device yet.

        Args:
            cuda: Does it.
            pinned: Whether devices may write into segments by themselves; else ``$HCS_GPU_PINNED``, else yes.
        """
        wanted = os.environ.get(SWITCH) != "0" if pinned is None else pinned
        self._cuda = cuda
        self._pinned = Pinned(cuda, wanted=wanted, before_unregister=self.finish)
        self._lock = threading.Lock()
        self._lanes: dict[int, _Lane] = {}

    def stream_of(self, device: int) -> int:
        """Return the stream that copies from this device."""
        return self._lane(device).stream

    def device_of(self, pointer: int) -> int:
        """Return the device that has this memory."""
        return self._cuda.device_of(pointer)

    def start(self, memory: DeviceMemory, pixels: memoryview) -> "DeviceCopy | None":
        """Begin to copy an array into these bytes; None if it is there already.

        Raises:
            DeviceError: The device cannot.
        """
        lane = self._lane(memory.device)
        if not self._pinned.has(pixels):
            lane.ring.copy(memory, pixels)
            return None
        with lane.lock:
            copy = lane.start(memory, _address(pixels))
        if memory.stream is None:  # nothing that follows could be made to wait
            copy.wait()
            return None
        return copy

    def finish(self) -> None:
        """Wait until no device writes anything any more."""
        for device, lane in list(self._lanes.items()):
            with suppress(DeviceError), self._cuda.on(device):  # a device that is lost writes nothing
                self._cuda.synchronize(lane.stream)

    def _lane(self, device: int) -> "_Lane":
        with self._lock:
            if device not in self._lanes:
                self._lanes[device] = _Lane(self._cuda, device)
            return self._lanes[device]


class DeviceCopy:
    """One copy that a device makes by itself; keeps the array's memory until then."""

    def __init__(self, lane: "_Lane", event: int, memory: DeviceMemory) -> None:
        self._lane = lane
        self._event = event
        self._memory: DeviceMemory | None = memory
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait until the pixels are there; a second time is harmless.

        Raises:
            DeviceError: They never will be.
        """
        with self._lock:
            if self._memory is not None:
                self._lane.wait(self._event)
                self._memory = None


class _Lane:
    """One device's copies."""

    def __init__(self, cuda: Cuda, device: int) -> None:
        self._cuda = cuda
        self._device = device
        self.lock = threading.Lock()
        with cuda.on(device):
            self.stream = cuda.new_stream()
            self._ready = cuda.new_event()
        self.ring = Ring(cuda, device, self.stream)
        self._events: list[int] = []

    def start(self, memory: DeviceMemory, address: int) -> DeviceCopy:
        """Give the stream a copy, between what the array's stream was given so far and what follows."""
        cuda, stream = self._cuda, self.stream
        with cuda.on(self._device):
            if memory.stream is not None:
                cuda.record(self._ready, memory.stream)
                cuda.let_wait(stream, self._ready)
            done = self._events.pop() if self._events else cuda.new_event()
            try:
                memory.copy_by(cuda, address, stream)
                cuda.record(done, stream)
                if memory.stream is not None:
                    cuda.let_wait(memory.stream, done)
            except BaseException:  # Ctrl-C, too
                with suppress(DeviceError):
                    cuda.synchronize(stream)  # or it could write into a block that is lent anew
                raise
        return DeviceCopy(self, done, memory)

    def wait(self, event: int) -> None:
        """Wait for a copy's end; its event then is another's."""
        with self._cuda.on(self._device):
            self._cuda.wait(event)
        self._events.append(event)


@cache
def process_copies() -> DeviceCopies | None:
    """Return what copies from the devices of this process; None, with one warning, if nothing can."""
    if (runtime := cuda_runtime()) is None:
        advice = (
            "images go through the library that has them, which takes longer: pip install 'hcs-shm[cuda]'"
        )
        logger.warning("no CUDA bindings for the images of a device; %s", advice)
        return None
    return DeviceCopies(runtime)


at_fork(in_child=process_copies.cache_clear)  # a forked child cannot go on with its parent's devices


def _address(pixels: memoryview) -> int:
    address: int = np.frombuffer(pixels, np.uint8).__array_interface__["data"][0]
    return address
