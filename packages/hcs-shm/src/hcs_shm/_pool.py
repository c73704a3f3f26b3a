"""The worker's side: lend blocks of shared memory and take them back."""

import math
import os
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hcs_protocol import (
    DTYPES,
    BlockRef,
    LentBlock,
    PoolFullError,
    SegmentOffer,
    UnsupportedArrayError,
    new_id,
)

from ._journal import segment_nbytes
from ._segment import OwnSegment, segment_folders
from ._segments import Segments, slot_size


@dataclass(frozen=True, slots=True)
class Block:
    """A lent block."""

    ref: BlockRef
    pixels: memoryview


@dataclass(slots=True, eq=False)
class _Slot:
    segment: OwnSegment
    index: int
    generation: int = 0


class BlockPool:
    """Lends blocks of shared memory, the one that came back last first; any thread may call it.

    Segments are removed by `close`, when the pool is collected, and when the interpreter exits.
    In a forked child the pool is empty, its blocks stay the parent's.

    Args:
        budget: Bytes that all segments together may have; else ``HCS_SHM_BUDGET``, else a quarter of what is
            free, at most 1 GiB. The first small segment is made in any case.
        folder: Where segments lie; else ``HCS_SHM_DIR``, else ``/dev/shm``, else a private temporary folder.
        worker_run: This life of the worker process, for those who find the segments after its death.

    Raises:
        PoolFullError: No folder takes even a small segment.
        ValueError: ``HCS_SHM_BUDGET`` is no number, or ``worker_run`` has more than 64 bytes.
    """

    def __init__(
        self, *, budget: int | None = None, folder: Path | None = None, worker_run: str | None = None
    ) -> None:
        folders = segment_folders() if folder is None else [folder]
        self._segments = Segments(folders, budget, new_id() if worker_run is None else worker_run)
        self._finalizer = weakref.finalize(self, self._segments.close)
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._free: dict[int, list[_Slot]] = {}
        self._lent: dict[BlockRef, _Slot] = {}
        first = self._segments.first
        self._add_slots(first)
        self.offer = SegmentOffer(name=first.name, folder=str(first.path.parent))
        self.nonce = self._segments.nonce

    def lend(self, nbytes: int) -> LentBlock:
        """Lend a block of this many bytes; what it held before is still in it.

        Raises:
            PoolFullError: No block is free and no further segment is allowed; or the pool is closed.
        """
        if nbytes < 0:
            raise ValueError(f"wanted a number of bytes, got {nbytes!r}")
        if self._is_inherited():
            raise PoolFullError(nbytes, 0)
        with self._lock:
            if not self._finalizer.alive:
                raise PoolFullError(nbytes, 0)
            slot = self._take(nbytes)
            slot.generation += 1
            journal = slot.segment.journal
            offset = journal.offset_of(slot.index)
            ref = BlockRef(
                segment=slot.segment.name, offset=offset, nbytes=nbytes, generation=slot.generation
            )
            journal.lend(slot.index, slot.generation, nbytes)
            self._lent[ref] = slot
            return Block(ref, slot.segment.view(offset, nbytes))

    def lend_array(
        self, shape: Sequence[int], dtype: npt.DTypeLike
    ) -> tuple[LentBlock, npt.NDArray[np.generic]]:
        """Lend a block and return it with an array of its pixels, for results that need no copy.

        Raises:
            UnsupportedArrayError: No image has this dtype or shape.
            PoolFullError: As for `lend`.
        """
        kind = np.dtype(dtype).newbyteorder("<")
        if kind.name not in DTYPES or any(length < 1 for length in shape):
            raise UnsupportedArrayError(
                f"wanted pixels of {', '.join(DTYPES)}, got {kind.name} of shape {shape!r}"
            )
        block = self.lend(math.prod(shape) * kind.itemsize)
        return block, np.frombuffer(block.pixels, kind).reshape(shape)

    def record(self, ref: BlockRef, descriptor: bytes) -> None:
        """Write into the journal what a lent block holds; harmless for one that came back since.

        Raises:
            ValueError: The descriptor has more than 1984 bytes.
        """
        if self._is_inherited():
            return
        with self._lock:
            if (slot := self._lent.get(ref)) is not None:
                slot.segment.journal.record(slot.index, descriptor, time.time())

    def take_back(self, ref: BlockRef) -> None:
        """Recycle a block; a second time, or for an older generation, is harmless."""
        if self._is_inherited():
            return
        with self._lock:
            slot = self._lent.pop(ref, None)
            if slot is not None:
                slot.segment.journal.take_back(slot.index)
                self._free[slot.segment.journal.header.slot_nbytes].append(slot)

    def close(self) -> None:
        """Remove all segments; a second time is harmless, and views that still live stay readable."""
        if self._is_inherited():
            return
        with self._lock:
            self._free.clear()
            self._lent.clear()
            self._finalizer()

    def _is_inherited(self) -> bool:
        return self._pid != os.getpid()  # before the lock, which a fork may have copied locked

    def _take(self, nbytes: int) -> _Slot:
        wanted = slot_size(nbytes)
        if free := self._free.get(wanted):
            return free.pop()
        if self._grow(wanted):
            return self._free[wanted].pop()
        larger = [size for size, slots in self._free.items() if slots and size > wanted]
        if larger:
            return self._free[min(larger)].pop()
        if self._make_room(wanted):
            return self._free[wanted].pop()
        raise PoolFullError(nbytes, self._largest_free())

    def _grow(self, slot_nbytes: int) -> bool:
        segment = self._segments.add(slot_nbytes)
        if segment is not None:
            self._add_slots(segment)
        return segment is not None

    def _make_room(self, slot_nbytes: int) -> bool:
        """Remove segments of other sizes, of which nothing is lent, until one of this size fits."""
        busy = {slot.segment for slot in self._lent.values()}
        idle = [
            segment for segment in self._segments if segment not in busy and segment.name != self.offer.name
        ]
        room = self._segments.unused + sum(segment.journal.header.nbytes for segment in idle)
        if room < segment_nbytes(1, slot_nbytes):
            return False
        for segment in idle:
            size = segment.journal.header.slot_nbytes
            self._free[size] = [slot for slot in self._free[size] if slot.segment is not segment]
            self._segments.remove(segment)
            if self._grow(slot_nbytes):
                return True
        return False

    def _add_slots(self, segment: OwnSegment) -> None:
        header = segment.journal.header
        slots = [_Slot(segment, index) for index in reversed(range(header.slot_count))]
        self._free.setdefault(header.slot_nbytes, []).extend(slots)

    def _largest_free(self) -> int:
        return max(self._segments.largest_slot, *(size for size, slots in self._free.items() if slots), 0)
