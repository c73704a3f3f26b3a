"""What both pools have in common: they lend slots, take them back, and write down what is owed."""

import contextlib
import time
import weakref
from weakref import WeakSet

from hcs_protocol import BlockRef

from ._platform import at_fork
from ._segments import Segments
from ._slots import Slot, Slots


class JournaledPool:
    """Blocks of segments that this process made; any thread may call it.

    Segments are removed by `close`, when the pool is collected, and when the interpreter exits.
    In a forked child the pool is empty, its blocks stay the parent's.
    """

    def __init__(self, segments: Segments) -> None:
        self._slots = Slots(segments)
        self._lent: dict[BlockRef, Slot] = {}
        self._lock = self._slots.lock
        self._finalizer = weakref.finalize(self, _close, self._slots, self._lent)
        _pools.add(self)

    @property
    def budget(self) -> int:
        """Bytes that all segments together may have."""
        return self._slots.segments.budget

    def record(self, ref: BlockRef, entry: bytes, destinations: int) -> None:
        """Write into the journal what a lent block holds; harmless for one that came back since.

        Args:
            ref: The block.
            entry: From `hcs_protocol.encode_entry`; one that is too long is left out, with a warning.
            destinations: How many the entry names, at most `hcs_protocol.MAX_DESTINATIONS`; all are owed it.
        """
        if (slot := self._lent.get(ref)) is None:
            return
        now, uptime = time.time_ns(), time.monotonic_ns()
        try:  # without the lock: who holds a block is the only one to write of it
            if slot.segment.journal.record(slot.index, entry, destinations, now, uptime):
                return
        except ValueError:  # closed by another thread
            return
        with self._lock:
            advice = "such an image is lost if this process is killed; shorten its display"
            self._slots.segments.say("journal too short", f"entry={len(entry)}", advice)

    def number(self, ref: BlockRef, destination: int, sequence: int) -> None:
        """Write by which number a destination knows an image; harmless for a block that came back."""
        if (slot := self._lent.get(ref)) is not None:
            try:  # without the lock, as above
                slot.segment.journal.number(slot.index, destination, sequence)
            except ValueError:
                return

    def settle(self, ref: BlockRef, destination: int) -> None:
        """Write that a destination is not owed an image any more; harmless for a block that came back."""
        with self._lock:
            if (slot := self._lent.get(ref)) is not None:
                with contextlib.suppress(ValueError):  # closed
                    slot.segment.journal.settle(slot.index, destination)

    def take_back(self, ref: BlockRef) -> None:
        """Recycle a block; a second time, or for an older generation, is harmless."""
        with self._lock:
            if (slot := self._lent.get(ref)) is not None:
                with contextlib.suppress(ValueError):  # closed
                    slot.segment.journal.take_back(slot.index)  # first: Ctrl-C may come at any call
                del self._lent[ref]
                self._slots.put(slot)

    def mend(self) -> bool:
        """Replace segments that somebody removed, and say whether there were any; call it once a second.

        systemd does so when a user logs out for good. Blocks lent from them stay valid for who has them open;
        what is still owed when the pool is closed is written again.
        """
        with self._lock:
            lost = self._slots.drop_lost()
            if lost:
                facts = f"segments={len(lost)} folder={lost[0].path.parent}"
                segments = self._slots.segments
                segments.say("removed by somebody", facts, segments.medium.advice_if_removed)
            return bool(lost)

    def close(self, *, leave_owed: bool = False) -> None:
        """Remove all segments; a second time is harmless, and views that still live stay readable.

        Args:
            leave_owed: Whether to let those lie that owe images, as if this process had died: the next viewer
                takes them.
        """
        self._slots.leave_owed = leave_owed
        self._finalizer()

    def _lend(self, nbytes: int) -> tuple[BlockRef, Slot]:
        if nbytes < 0:
            raise ValueError(f"wanted a number of bytes, got {nbytes!r}")
        with self._lock:
            slot = self._slots.take(nbytes)
            slot.generation = generation = slot.generation + 1
            segment = slot.segment
            segment.journal.lend(slot.index, generation, nbytes)
            ref = BlockRef(segment=segment.name, offset=slot.offset, nbytes=nbytes, generation=generation)
            self._lent[ref] = slot
            return ref, slot

    def leave_to_parent(self) -> None:
        """Forget all, in a forked child; not even the lock can be trusted there."""
        self._finalizer.detach()
        self._slots = Slots.none(self._slots.segments)
        self._lock = self._slots.lock
        self._lent = {}


def _close(slots: Slots, lent: dict[BlockRef, Slot]) -> None:
    with slots.lock:
        lent.clear()
        slots.close()


def _leave_all_to_parent() -> None:
    for pool in _pools:
        pool.leave_to_parent()


_pools: WeakSet[JournaledPool] = WeakSet()
at_fork(in_child=_leave_all_to_parent)
