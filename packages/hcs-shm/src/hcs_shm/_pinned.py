"""Segments that devices write by themselves: registered when the first image from a device goes there."""

import logging
import threading
from collections.abc import Callable

from hcs_protocol import DeviceError

from ._cuda import Cuda
from ._segment import OwnSegment, segment_of

logger = logging.getLogger(__name__)


class Pinned:
    """The registered segments of this process; any thread may call it."""

    def __init__(self, cuda: Cuda, *, wanted: bool, before_unregister: Callable[[], None]) -> None:
        """Register nothing yet.

        Args:
            cuda: Registers and unregisters.
            wanted: Whether to register any; the memory of those that are cannot be paged out.
            before_unregister: Ends what may still write there.
        """
        self._cuda = cuda
        self._wanted = wanted
        self._before_unregister = before_unregister
        self._lock = threading.Lock()

    def has(self, pixels: memoryview) -> bool:
        """Say whether devices write these bytes by themselves, after registering their segment if need be."""
        if not self._wanted or (segment := segment_of(pixels)) is None:
            return False
        if segment.before_unmap is not None:
            return True
        with self._lock:
            return self._register(segment)

    def _register(self, segment: OwnSegment) -> bool:
        if segment.before_unmap is not None or not self._wanted:  # another thread asked meanwhile
            return self._wanted
        address, nbytes = segment.address, segment.contents.nbytes
        try:
            self._cuda.register(address, nbytes)
        except DeviceError as error:
            self._wanted = False
            advice = "images take a way that is slower; raise 'ulimit -l', or set HCS_GPU_PINNED=0"
            logger.warning("memory not pinned nbytes=%d reason=%s; %s", nbytes, error, advice)
            return False
        segment.before_unmap = lambda: self._unregister(address)
        return True

    def _unregister(self, address: int) -> None:
        self._before_unregister()
        try:
            self._cuda.unregister(address)
        except DeviceError as error:
            logger.debug("memory not unregistered reason=%s", error)  # the driver is gone already
