"""Segments that devices write by themselves: registered when the first image from a device goes there."""

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from hcs_protocol import DeviceError

from ._cuda import Cuda
from ._segment import OwnSegment, segment_of

logger = logging.getLogger(__name__)


ENDING_SECONDS = 5.0


class _Memory(NamedTuple):
    """Of one registered segment."""

    contents: memoryview
    address: int
    device: int


class Pinned:
    """The registered segments of this process; any thread may call it."""

    def __init__(self, cuda: Cuda, *, wanted: bool, is_over: Callable[[float], bool]) -> None:
        """Register nothing yet.

        Args:
            cuda: Registers and unregisters.
            wanted: Whether to register any; the memory of those that are cannot be paged out.
            is_over: Waits some seconds until nothing writes there any more, and says whether it is so.
        """
        self._cuda = cuda
        self._wanted = wanted
        self._is_over = is_over
        self._lock = threading.Lock()
        self.mappings: set[int] = set()
        """Those registered, by identity, as `segment_of`: to ask that, or to call `has`, takes longer."""
        self._kept: list[_Memory] = []
        """What a device may still write; unmapped, it could be another's."""

    def has(self, pixels: memoryview, device: int) -> bool:
        """Say whether devices write these bytes by themselves, after registering their segment if need be.

        Args:
            pixels: Of a segment, or of anything else.
            device: That is used already; any serves for all.
        """
        if id(pixels.obj) in self.mappings:
            return True
        if not self._wanted or (segment := segment_of(pixels)) is None:
            return False
        with self._lock:
            return self._register(segment, id(pixels.obj), device)

    def _register(self, segment: OwnSegment, mapping: int, device: int) -> bool:
        if segment.before_unmap is not None or not self._wanted:  # another thread asked meanwhile
            return self._wanted
        address, nbytes = segment.address, segment.contents.nbytes
        try:
            with self._cuda.on(device):
                self._cuda.register(address, nbytes)
        except DeviceError as error:
            self._wanted = False
            advice = "images take a way that is slower; raise 'ulimit -l', or set HCS_GPU_PINNED=0"
            logger.warning("memory not pinned nbytes=%d reason=%s; %s", nbytes, error, advice)
            return False
        contents = segment.contents[:]
        memory = _Memory(contents, address, device)
        segment.before_unmap = partial(self._let_go, memory, mapping)
        self.mappings.add(mapping)
        return True

    def _let_go(self, memory: "_Memory", mapping: int, is_idle: bool) -> None:
        self.mappings.discard(mapping)
        if is_idle:  # not even to ask: the device may compute for long before it writes elsewhere
            self._unregister(memory)
            return
        is_over = self._is_over(0.0 if self._kept else ENDING_SECONDS)
        self._kept.append(memory)
        if not is_over:
            logger.warning("memory left to a device that still writes nbytes=%d", memory.contents.nbytes)
            return
        while self._kept:
            self._unregister(self._kept.pop())

    def _unregister(self, memory: "_Memory") -> None:
        try:
            with self._cuda.on(memory.device):
                self._cuda.unregister(memory.address)
        except DeviceError as error:
            logger.debug("memory not unregistered reason=%s", error)  # the driver is gone already
        memory.contents.release()
