"""The store's thread: images leave before the memory is full, and come back when somebody looks at them."""

import logging
import threading
from collections import deque
from collections.abc import Callable

from ._shelf import KeptImage, PixelsFile, Place, Shelf
from ._spilled import SpillFolder

logger = logging.getLogger(__name__)

BEGIN, END = 0.9, 0.85
"""At which part of the budget images begin to leave, and at which that is enough."""
RETRY_SECONDS = 5.0
"""After what the disk refused."""
MEASURE_SECONDS = 0.1
PROGRAM_NBYTES = 220 << 20
"""Of the process's memory, besides images, that is not counted: of the 300 MB that users are told."""

Read = Callable[[Place], KeptImage]


class Caretaker:
    """Does what takes long, one image at a time; `run` is the body of its thread."""

    def __init__(
        self,
        shelf: Shelf,
        read: Read,
        folder: SpillFolder | None,
        clock: Callable[[], float],
        measure: Callable[[], int],
    ) -> None:
        """Make it.

        Args:
            shelf: Knows which image is to leave, and which to come.
            read: Reads an image that is away.
            folder: Where images go that lie nowhere else.
            clock: Says when it is time to try again, or to measure.
            measure: Returns the bytes of memory that this process has for itself.
        """
        self.problem: str | None = None
        """Why images cannot leave, and what to do about it."""
        self.on_back: Callable[[object], None] = lambda _: None
        self.on_room: Callable[[], None] = lambda: None
        self._shelf = shelf
        self._read = read
        self._folder = folder
        self._clock = clock
        self._measure = measure
        self._measured_at = -MEASURE_SECONDS
        self._to_remove: deque[PixelsFile] = deque()
        self._is_leaving = False
        self._retry_at = 0.0
        self._wake = threading.Event()
        self._stopping = False

    def wake(self) -> None:
        """Let the thread look whether there is something to do."""
        if not self._wake.is_set():
            self._wake.set()

    def remove_soon(self, file: PixelsFile) -> None:
        """Remove the file of an image that was forgotten."""
        self._to_remove.append(file)
        self.wake()

    def stop(self) -> None:
        """Let `run` return after what it does now."""
        self._stopping = True
        self._wake.set()

    def run(self) -> None:
        """Sweep what dead viewers left, then keep house until `stop`; own files are removed at the end."""
        self._sweep()
        while not self._stopping:
            self._wake.clear()
            try:
                is_busy = self.step()
            except Exception:  # the outermost loop
                logger.exception("failed what=housekeeping")
                is_busy = False
            if not is_busy:
                self._wake.wait(MEASURE_SECONDS)
        if self._folder is not None:
            self._folder.close()
        self._sweep()

    def step(self) -> bool:
        """Bring one image back and let one leave, where that is wanted, and say whether it was."""
        while self._to_remove:
            self._to_remove.popleft().remove()
        self._measure_if_due()
        came, left = self._bring_one_back(), self._let_one_leave()
        return came or left

    def _sweep(self) -> None:
        if self._folder is not None:
            self._folder.sweep()

    def _measure_if_due(self) -> None:
        """Take into account what drawing needs, and whatever else the process holds."""
        now, budget = self._clock(), self._shelf.budget
        if budget is not None and now >= self._measured_at + MEASURE_SECONDS:
            self._measured_at = now
            beyond = self._measure() - PROGRAM_NBYTES - self._shelf.counted
            most = budget // 2  # a program beside us must not starve us
            self._shelf.unforeseen = min(max(0, beyond), most)

    def _let_one_leave(self) -> bool:
        self._is_leaving = self._shelf.exceeds(END if self._is_leaving else BEGIN)
        if not self._is_leaving:
            self.problem = None
        is_refused = self._clock() < self._retry_at
        found = self._shelf.next_to_leave(without_writing=is_refused) if self._is_leaving else None
        if found is None:
            return False
        number, place = found
        was_full = self._shelf.is_full
        try:
            file = self._file_of(place)
        except OSError as error:
            self._note_problem(error)
            return True  # another may leave without being written
        if not self._shelf.let_go(number, place, file):
            file.remove()
        if was_full and not self._shelf.is_full:
            self.on_room()
        return True

    def _file_of(self, place: Place) -> PixelsFile:
        """Return the file in which an image lies, or is written now."""
        if place.file is not None and place.file.is_good():
            return place.file
        place.file = None
        kept = place.kept
        if self._folder is None or kept is None:
            raise OSError("there is no folder for images")
        written = self._folder.write(kept.pixels)
        if self.problem is not None:
            logger.info("images leave the memory again")
            self.problem = None
        return written

    def _bring_one_back(self) -> bool:
        found = self._shelf.next_to_come()
        if found is None:
            return False
        number, place = found
        try:
            kept = None if place is None else place.kept or self._read(place)
        except OSError as error:
            logger.warning("image lost number=%d reason=%s", number, error)
            done = self._shelf.lose(number)
        except MemoryError:
            return False  # not yet: others have to leave before
        else:
            done = self._shelf.bring_back(number, kept)
        for looker in done:
            self.on_back(looker)
        return True

    def _note_problem(self, error: OSError) -> None:
        self._retry_at = self._clock() + RETRY_SECONDS
        where = self._folder.base if self._folder is not None else "nowhere"
        if self.problem is None:
            logger.warning("images stay in memory folder=%s reason=%s", where, error)
        self.problem = (
            f"images cannot leave the memory: {error}; free some of the disk of {where}, "
            "name another in HCS_SPILL_DIR, or start the viewer with more --memory"
        )
