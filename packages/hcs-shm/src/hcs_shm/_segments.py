"""The segments of one pool: made within a budget, in the first folder that has room."""

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from hcs_protocol import PoolFullError, new_id

from ._headroom import chosen_budget, measured_budget
from ._journal import Header, segment_nbytes, slots_offset
from ._platform import NO_ROOM, boot_id, process_start
from ._segment import OwnSegment, create_segment

SMALLEST_SLOT = 1 << 16
FIRST_SLOTS = 4
SLOTS = 8
SMALL_SEGMENT = 4 << 20
SMALL_BUDGET = 64 << 20
ADVICE = "give it more (docker run --shm-size=1g), or name a folder with room in HCS_SHM_DIR"

logger = logging.getLogger(__name__)


def slot_size(nbytes: int) -> int:
    """Return the size of the slots that hold images of this size: four sizes to each power of two."""
    quarter = 1 << max((nbytes - 1).bit_length() - 3, 0)
    return max(SMALLEST_SLOT, -(-nbytes // quarter) * quarter)


class Segments:
    """Makes and removes the segments of one pool; the first is small and stays, it carries the nonce."""

    def __init__(self, folders: Sequence[Path], budget: int | None, worker_run: str) -> None:
        chosen = chosen_budget() if budget is None else budget
        self.nonce = new_id()
        self._folders = folders
        self._worker_run = worker_run
        self._pid = os.getpid()
        self._start = process_start(self._pid) or 0
        self._boot_id = boot_id()
        self._warned = False
        first = self._create(FIRST_SLOTS, SMALLEST_SLOT)
        if first is None:
            raise PoolFullError(FIRST_SLOTS * SMALLEST_SLOT, 0)
        self._all = [first]
        self._budget = self._measure() if chosen is None else chosen

    @property
    def first(self) -> OwnSegment:
        """The segment to name in Hello."""
        return self._all[0]

    @property
    def largest_slot(self) -> int:
        """The largest slot that the budget still allows."""
        room = max(0, self.unused - slots_offset(1))
        quarter = 1 << max(room.bit_length() - 3, 0)
        return room // quarter * quarter if room >= SMALLEST_SLOT else 0

    @property
    def unused(self) -> int:
        """Bytes that further segments may have."""
        return max(0, self._budget - sum(segment.journal.header.nbytes for segment in self._all))

    def __iter__(self) -> Iterator[OwnSegment]:
        return iter(self._all)

    def add(self, slot_nbytes: int) -> OwnSegment | None:
        """Make a segment of slots of this size; None if budget or folders have no room for a single one."""
        unused, wanted = self.unused, max(SLOTS, SMALL_SEGMENT // slot_nbytes)
        fitting = (n for n in range(wanted, 0, -1) if segment_nbytes(n, slot_nbytes) <= unused)
        slot_count = next(fitting, 0)
        segment = self._create(slot_count, slot_nbytes) if slot_count else None
        if segment is not None:
            self._all.append(segment)
        return segment

    def remove(self, segment: OwnSegment) -> None:
        """Remove a segment."""
        self._all.remove(segment)
        segment.remove()

    def close(self) -> None:
        """Remove all segments; a second time is harmless."""
        while self._all:
            self._all.pop().remove()

    def _create(self, slot_count: int, slot_nbytes: int) -> OwnSegment | None:
        refused = []
        for folder in self._folders:
            for fewer in _halves(slot_count):
                try:
                    segment = create_segment(folder, self._header(fewer, slot_nbytes))
                except OSError as error:
                    refused.append(f"{folder}: {error.strerror}")
                    if error.errno not in NO_ROOM:
                        break
                else:
                    self._report(segment, refused)
                    return segment
        self._warn(f"shared memory full wanted={slot_nbytes} ({'; '.join(dict.fromkeys(refused))})")
        return None

    def _report(self, segment: OwnSegment, refused: Sequence[str]) -> None:
        header = segment.journal.header
        logger.debug(
            "segment made path=%s slots=%d of=%d", segment.path, header.slot_count, header.slot_nbytes
        )
        if refused:
            reasons = "; ".join(dict.fromkeys(refused))
            self._warn(f"shared memory short made={segment.path} slots={header.slot_count} ({reasons})")

    def _measure(self) -> int:
        budget = measured_budget(self.first.path.parent)
        if budget < SMALL_BUDGET:
            self._warn(f"shared memory small folder={self.first.path.parent} budget={budget}")
        return budget

    def _warn(self, said: str) -> None:
        level = logging.DEBUG if self._warned else logging.WARNING
        self._warned = True
        logger.log(level, "%s: %s", said, ADVICE)

    def _header(self, slot_count: int, slot_nbytes: int) -> Header:
        return Header(
            slot_count=slot_count,
            slot_nbytes=slot_nbytes,
            pid=self._pid,
            start=self._start,
            boot_id=self._boot_id,
            worker_run=self._worker_run,
            nonce=self.nonce,
        )


def _halves(count: int) -> Iterator[int]:
    while count:
        yield count
        count //= 2
