"""The free slots of one pool, by size; a thread makes more before the last one is needed."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from hcs_protocol import PoolFullError

from ._header import segment_nbytes
from ._segment import OwnSegment
from ._segments import Segments, slot_size


@dataclass(slots=True, eq=False)
class Slot:
    """Room for one block."""

    segment: OwnSegment
    index: int
    offset: int
    nbytes: int
    generation: int = 0


@dataclass(slots=True, eq=False)
class _Making:
    """A segment that a thread makes; it ends with that."""

    thread: threading.Thread | None = None
    done: bool = False
    made: bool = False


class Slots:
    """Hands out slots, the one that came back last first; its caller holds ``lock``.

    When the last free slot of a size is taken, a thread makes the next segment of that size, since to reserve
    and touch its memory takes a millisecond per megabyte. Who needs it meanwhile waits for it.
    """

    def __init__(self, segments: Segments, *, thread: type[threading.Thread] = threading.Thread) -> None:
        self.lock = threading.RLock()  # the collector may close a pool in a thread that has it
        self.segments = segments
        self.kept: OwnSegment | None = None
        """A segment that is not removed to make room."""
        self._changed = threading.Condition(self.lock)
        self._free: dict[int, list[Slot]] = {}
        self._making: dict[int, _Making] = {}
        self._thread = thread
        self._users: set[object] = set()
        self._closed = False
        self.leave_owed = True
        """Whether to leave segments that owe images to who is owed them, as a process that is killed does."""

    def take(self, nbytes: int) -> Slot:
        """Take a slot for so many bytes.

        Raises:
            PoolFullError: None is free, and no further segment is allowed.
        """
        size = slot_size(nbytes)
        free = self._free.get(size) or self._refilled(nbytes, size)
        if len(free) == 1:
            self._start(size)
        return free.pop()

    def put(self, slot: Slot) -> None:
        """Give a slot back."""
        segment = slot.segment
        if segment.lent_when_lost is None:
            self._free[slot.nbytes].append(slot)
            return
        segment.lent_when_lost -= 1
        if not segment.lent_when_lost:
            self.segments.remove(segment)

    def add(self, segment: OwnSegment) -> None:
        """Take the slots of a new segment."""
        count, size = segment.header.slot_count, segment.header.slot_nbytes
        self.segments.add(segment)
        slots = [Slot(segment, i, segment.journal.offset_of(i), size) for i in reversed(range(count))]
        self._free.setdefault(size, [])[:0] = slots

    def drop_lost(self) -> list[OwnSegment]:
        """Hand out no more slots of segments that lost their name, and return these."""
        named = [] if self._closed else [one for one in self.segments if one.lent_when_lost is None]
        lost = [segment for segment in named if segment.has_lost_its_name()]
        for segment in lost:
            size = segment.header.slot_nbytes
            kept = [slot for slot in self._free[size] if slot.segment is not segment]
            free = len(self._free[size]) - len(kept)
            self._free[size] = kept
            segment.lent_when_lost = segment.header.slot_count - free
            if not segment.lent_when_lost:
                self.segments.remove(segment)
        return lost

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep all files open meanwhile; this alone is called without the lock."""
        user = object()
        try:  # from the first: Ctrl-C may come between any two lines, and who closes waits for users
            with self.lock:
                self._users.add(user)
            yield
        finally:
            self._users.discard(user)
            with self.lock:
                self._changed.notify_all()

    @classmethod
    def none(cls, segments: Segments) -> Self:
        """Return what a forked child has of its parent's slots."""
        nothing = cls(segments)
        nothing._closed = True
        return nothing

    def close(self) -> None:
        """Remove all segments, also those that are being made; a second time is harmless."""
        self._closed = True
        self._free.clear()
        threads = [making.thread for making in self._making.values()]
        if threading.current_thread() not in threads:  # else this is the collector, amid the making
            self._changed.wait_for(lambda: not (self._making or self._users))
        self.segments.close(leave_owed=self.leave_owed)

    def _refilled(self, nbytes: int, size: int) -> list[Slot]:
        """Wait for a slot of this size, else find a larger one, else make room."""
        while not self._closed:
            if free := self._free.get(size):
                return free
            if self._grow(size):
                continue
            if larger := [other for other, free in self._free.items() if free and other > size]:
                return self._free[min(larger)]
            if not self._make_room(size):
                raise PoolFullError(nbytes, self._largest_free())
        raise PoolFullError(nbytes, 0)

    def _grow(self, size: int) -> bool:
        """Wait for the segment of this size that is being made, or for a new one; False without room."""
        making = self._making.get(size) or self._start(size)
        if making is None:
            return False
        self._changed.wait_for(lambda: making.done)
        return making.made

    def _start(self, size: int) -> _Making | None:
        """Begin to make a segment; None if there is no room, or one is being made."""
        slot_count = 0 if size in self._making else self.segments.fitting(size)
        if not slot_count:
            return None
        making = _Making()
        making.thread = self._thread(
            target=self._make, args=(slot_count, size, making), name="hcs-shm-segment", daemon=True
        )
        nbytes = segment_nbytes(slot_count, size)
        try:
            self._making[size] = making
            self.segments.nbytes += nbytes
            making.thread.start()
        except RuntimeError:  # the interpreter exits, or there are too many
            self._make(slot_count, size, making)
        except BaseException:  # Ctrl-C: else who needs this segment would wait for ever
            if making.thread.ident is None:
                self.segments.nbytes -= nbytes
                self._finish(None, size, making)
            raise
        return making

    def _make(self, slot_count: int, size: int, making: _Making) -> None:
        with self.lock:
            if making.done:
                return  # given up: Ctrl-C came when the thread was started and did not run yet
        segment = None
        try:
            segment = self.segments.create(slot_count, size)
        finally:
            with self.lock:
                self.segments.nbytes -= segment_nbytes(slot_count, size)
                self._finish(segment, size, making)
        if segment is not None:
            with self.in_use():  # only now: nobody waits for that, but who closes
                segment.use_huge_pages(lambda: self._closed)

    def _finish(self, segment: OwnSegment | None, size: int, making: _Making) -> None:
        try:
            if segment is not None and self._closed:
                segment.remove()
            elif segment is not None:
                self.add(segment)
                making.made = True
        finally:  # or who waits, and who closes, would do so for ever
            making.done = True
            self._making.pop(size, None)
            self._changed.notify_all()

    def _make_room(self, size: int) -> bool:
        """Remove segments of other sizes, of which nothing is lent, until one of this size fits."""
        free = Counter(slot.segment for slots in self._free.values() for slot in slots)
        idle = [
            segment
            for segment, count in free.items()
            if count == segment.header.slot_count and segment is not self.kept
        ]
        if self.segments.unused + sum(one.header.nbytes for one in idle) < segment_nbytes(1, size):
            return False
        for segment in idle:
            other = segment.header.slot_nbytes
            if sum(slot.segment is segment for slot in self._free[other]) < segment.header.slot_count:
                continue  # lent to another thread while this one waited
            self._free[other] = [slot for slot in self._free[other] if slot.segment is not segment]
            self.segments.remove(segment)
            if self._grow(size):
                return True
        return False

    def _largest_free(self) -> int:
        return max(self.segments.largest_slot, *(size for size, slots in self._free.items() if slots), 0)
