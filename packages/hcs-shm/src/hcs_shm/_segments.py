"""The segments of one pool: made within a budget, in the first folder that has room."""

import contextlib
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from hcs_protocol import new_id

from ._header import MAX_SLOTS, RECORD_NBYTES, Header, segment_nbytes, slots_offset
from ._medium import Medium
from ._platform import NO_ROOM, boot_id, make_private_folder, process_start
from ._segment import OwnSegment, create_segment

SMALLEST_SLOT = 1 << 16
SLOTS = 8
SMALL_SEGMENT = 4 << 20
SMALL_BUDGET = 64 << 20
_GROWTH = 4  # a segment is at least this part of all before it: each costs every process descriptors

logger = logging.getLogger(__name__)


@lru_cache
def slot_size(nbytes: int) -> int:
    """Return the size of the slots that hold images of this size: four sizes to each power of two."""
    quarter = 1 << max((nbytes - 1).bit_length() - 3, 0)
    return max(SMALLEST_SLOT, -(-nbytes // quarter) * quarter)


class Segments:
    """Makes and removes the segments of one pool.

    Raises:
        ValueError: The budget that the user chose is no number, or ``worker_run`` is too long.
    """

    def __init__(
        self, medium: Medium, folders: Sequence[Path] | None, budget: int | None, worker_run: str | None
    ) -> None:
        self.medium = medium
        self.nonce = new_id()
        self.nbytes = 0
        """Of all segments, and of those that are being made."""
        self._folders = medium.folders() if folders is None else folders
        self._budget = medium.chosen_budget() if budget is None else budget
        self._worker_run = new_id() if worker_run is None else worker_run
        self._pid = os.getpid()
        self._start = process_start(self._pid) or 0
        self._boot_id = boot_id()
        self._all: list[OwnSegment] = []
        self._said: set[str] = set()
        self._header(1, SMALLEST_SLOT).pack()

    @property
    def budget(self) -> int:
        """Bytes that all segments together may have."""
        if self._budget is None:
            self._budget = self._measure()
        return self._budget

    @property
    def unused(self) -> int:
        """Bytes that further segments may have."""
        return max(0, self.budget - self.nbytes)

    @property
    def largest_slot(self) -> int:
        """The largest slot that the budget still allows."""
        room = max(0, self.unused - slots_offset(1))
        quarter = 1 << max(room.bit_length() - 3, 0)
        return room // quarter * quarter if room >= SMALLEST_SLOT else 0

    def __iter__(self) -> Iterator[OwnSegment]:
        return iter(self._all)

    def fitting(self, slot_nbytes: int) -> int:
        """Return how many slots of this size the next segment shall have; 0 if there is no room."""
        unused = self.unused
        wanted = max(SLOTS, max(SMALL_SEGMENT, self.nbytes // _GROWTH) // slot_nbytes)
        count = min(wanted, MAX_SLOTS, unused // (slot_nbytes + RECORD_NBYTES))
        while count and segment_nbytes(count, slot_nbytes) > unused:
            count -= 1
        if count and not any(_free(folder) >= segment_nbytes(1, slot_nbytes) for folder in self._folders):
            self.say_full(slot_nbytes)
            return 0
        return count

    def create(self, slot_count: int, slot_nbytes: int) -> OwnSegment | None:
        """Make a segment of so many slots, or fewer; None if no folder takes one. Needs no lock."""
        refused = []
        for folder in self._folders:
            for fewer in _halves(slot_count):
                try:
                    segment = create_segment(folder, self._header(fewer, slot_nbytes))
                except OSError as error:
                    refused.append(f"{folder}: {error.strerror or error}")
                    if error.errno not in NO_ROOM:
                        break
                else:
                    self._report(segment, refused)
                    return segment
        self.say_full(slot_nbytes, refused)
        return None

    def add(self, segment: OwnSegment) -> None:
        """Take a segment that was made."""
        self._all.append(segment)
        self.nbytes += segment.header.nbytes

    def remove(self, segment: OwnSegment, *, is_idle: bool = True) -> None:
        """Remove a segment, of which nothing is lent as a rule."""
        self._all.remove(segment)
        self.nbytes -= segment.header.nbytes
        segment.remove(is_idle=is_idle)

    def close(self, *, leave_owed: bool = False) -> None:
        """Remove all segments, those that owe images perhaps excepted; a second time is harmless."""
        while self._all:
            last = self._all[-1]
            if leave_owed and last.journal.owes:
                self._leave(self._all.pop())
            else:
                self.remove(last, is_idle=False)

    def _leave(self, segment: OwnSegment) -> None:
        owed = len(segment.journal.all_owed()[0])
        try:
            segment.leave()
        except OSError as error:
            facts = owed, segment.path, error.strerror or error
            logger.error(
                "images lost lost=%d path=%s: removed by somebody, and not written again (%s)", *facts
            )

    def say(self, what: str, facts: str, advice: str | None = None) -> None:
        """Warn of something once."""
        level = logging.DEBUG if what in self._said else logging.WARNING
        self._said.add(what)
        logger.log(level, "%s %s %s: %s", self.medium.name, what, facts, advice or self.medium.advice)

    def say_full(self, slot_nbytes: int, refused: Sequence[str] = ()) -> None:
        """Warn that no folder has room."""
        reasons = "; ".join(dict.fromkeys(refused)) or "no room in " + ", ".join(map(str, self._folders))
        self.say("full", f"wanted={slot_nbytes} ({reasons})")

    def _report(self, segment: OwnSegment, refused: Sequence[str]) -> None:
        header = segment.header
        logger.debug(
            "segment made path=%s slots=%d of=%d", segment.path, header.slot_count, header.slot_nbytes
        )
        if refused:
            reasons = "; ".join(dict.fromkeys(refused))
            self.say("short", f"made={segment.path} slots={header.slot_count} ({reasons})")

    def _measure(self) -> int:
        refused = []
        for folder in self._folders:
            try:
                make_private_folder(folder)
                budget = self.medium.measured_budget(folder)
            except OSError as error:
                refused.append(f"{folder}: {error.strerror or error}")
                continue  # nothing will be made there either
            if budget < SMALL_BUDGET:
                self.say("small", f"folder={folder} budget={budget}")
            return budget
        self.say("closed", f"({'; '.join(refused)})")
        return 0

    def _header(self, slot_count: int, slot_nbytes: int) -> Header:
        return Header(
            kind=self.medium.kind,
            slot_count=slot_count,
            slot_nbytes=slot_nbytes,
            pid=self._pid,
            start=self._start,
            boot_id=self._boot_id,
            worker_run=self._worker_run,
            nonce=self.nonce,
        )


def _free(folder: Path) -> int:
    for place in (folder, folder.parent):  # the folder is made when it is needed
        with contextlib.suppress(OSError):
            return shutil.disk_usage(place).free
    return 0


def _halves(count: int) -> Iterator[int]:
    while count:
        yield count
        count //= 2
