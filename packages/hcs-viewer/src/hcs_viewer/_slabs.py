"""Memory for pixels that is used again: what was touched once costs a tenth of fresh memory.

A slab comes back by itself, when the last array that looks at it is gone: napari keeps views as it likes.
"""

import contextlib
import mmap
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Slab = npt.NDArray[np.uint8]

SMALL_NBYTES = 1 << 16
"""Below this the C library's own recycling is good enough."""
FREE_NBYTES = 1 << 28
"""Bytes of slabs that are kept though nobody uses them."""
HUGE_NBYTES = 1 << 22
"""From so many on slabs lie in huge pages, as NumPy's arrays do, where the system has them."""
IDLE_SECONDS = 10.0
"""What was not used for so long goes back to the system."""


class _Watch(weakref.ref[Slab]):  # half of what `weakref.finalize` takes
    __slots__ = ("slab",)
    slab: Slab


class Slabs:
    """Lends slabs of private memory and gets them back; any thread may take, and let go."""

    def __init__(self, free_nbytes: int = FREE_NBYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self.free_nbytes = 0
        """Bytes of the slabs that nobody uses now."""
        self.nbytes = 0
        """Bytes of all slabs, those that are in use included."""
        self._most = free_nbytes
        self._clock = clock
        self._free: dict[int, list[Slab]] = {}
        """By size; the size that was in use longest ago comes first, and in it the slab that was."""
        self._idle: dict[int, int] = {}
        """The fewest free slabs of each size since `_idle_since`: the first so many were not needed."""
        self._idle_since = clock()
        self._returned: deque[Slab] = deque()
        self._watched: dict[int, _Watch] = {}
        """Of the slabs in use, what tells that the last array is gone."""
        self._lock = threading.Lock()

    def take(self, nbytes: int) -> Slab:
        """Return so many bytes of memory, to be written once and then looked at by any number of arrays.

        Raises:
            MemoryError: There is no more.
        """
        if nbytes < SMALL_NBYTES:
            return np.empty(nbytes, np.uint8)
        size = slab_size(nbytes)
        slab = self._take_free(size)
        if slab is None:
            slab = self._make(size)
        lent = slab[:nbytes]
        watch = _Watch(lent, self._take_back)
        watch.slab = slab
        self._watched[id(watch)] = watch
        return np.frombuffer(memoryview(lent), np.uint8)  # whose views of views end here, not at the slab

    def _take_free(self, size: int) -> Slab | None:
        with self._lock:
            slabs = self._free.pop(size, [])
            slab = slabs.pop() if slabs else None
            if slabs:
                self._free[size] = slabs
            if slab is not None:
                self.free_nbytes -= size
            else:
                self.nbytes += size  # which is made now
            if len(slabs) < self._idle.get(size, 0):
                self._idle[size] = len(slabs)
        self._sort_in()
        return slab

    def drop_idle(self) -> None:
        """Give back to the system what was not needed for a while; call it now and then."""
        if (now := self._clock()) < self._idle_since + IDLE_SECONDS:
            return
        dropped: list[Slab] = []  # goes when the lock is free again
        with self._lock:
            for size, count in self._idle.items():
                slabs = self._free.get(size, [])
                dropped += slabs[:count]
                del slabs[:count]
                if not slabs:
                    self._free.pop(size, None)
            self._count_dropped(sum(slab.nbytes for slab in dropped))
            self._idle = {size: len(slabs) for size, slabs in self._free.items()}
            self._idle_since = now

    def _make(self, size: int) -> Slab:
        try:
            return _fresh(size)
        except MemoryError:
            self._drop_all()
        try:
            return _fresh(size)
        except MemoryError:
            with self._lock:
                self.nbytes -= size
            self._sort_in()
            raise

    def _drop_all(self) -> None:
        with self._lock:
            dropped, self._free = self._free, {}
            self._idle.clear()
            self._count_dropped(self.free_nbytes)
        dropped.clear()

    def _count_dropped(self, nbytes: int) -> None:
        self.free_nbytes -= nbytes
        self.nbytes -= nbytes

    def _take_back(self, watch: "_Watch") -> None:
        """Take a slab back in whatever thread its last array died, be it in the middle of `take`."""
        del self._watched[id(watch)]
        self._returned.append(watch.slab)
        self._sort_in()

    def _sort_in(self) -> None:
        """Sort in what came back; who finds the lock taken leaves it to the thread that has it."""
        while self._returned and self._lock.acquire(blocking=False):
            dropped: list[Slab] = []  # goes when the lock is free again: it takes a while
            try:
                while self._returned:
                    self._keep(self._returned.popleft(), dropped)
            finally:
                self._lock.release()

    def _keep(self, slab: Slab, dropped: list[Slab]) -> None:
        slabs = self._free.pop(slab.nbytes, [])
        slabs.append(slab)
        self._free[slab.nbytes] = slabs
        self.free_nbytes += slab.nbytes
        while self.free_nbytes > self._most:
            size, oldest = next(iter(self._free.items()))
            dropped.append(oldest.pop(0))
            self._idle[size] = min(len(oldest), self._idle.get(size, 0))
            self._count_dropped(size)
            if not oldest:
                del self._free[size]


def slab_size(nbytes: int) -> int:
    """Return the size of the slab for so many bytes: whole pages, and at most an eighth more than asked."""
    step = max(mmap.PAGESIZE, 1 << max(0, nbytes.bit_length() - 4))
    return -(-nbytes // step) * step


def _fresh(size: int) -> Slab:
    """Map new memory; it goes back to the system when it is dropped, which the C library does not promise."""
    try:
        if sys.platform == "win32":
            memory = mmap.mmap(-1, size)
        else:
            memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            if size >= HUGE_NBYTES and hasattr(mmap, "MADV_HUGEPAGE"):
                with contextlib.suppress(OSError):  # a kernel without them
                    memory.madvise(mmap.MADV_HUGEPAGE)
    except (OSError, OverflowError) as error:
        raise MemoryError(f"wanted {size} bytes for pixels: {error}") from error
    return np.frombuffer(memory, np.uint8)
