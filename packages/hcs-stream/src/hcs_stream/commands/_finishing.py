"""Which files of a running acquisition are finished: pure state, on a clock from outside.

A file is tried when its size has stayed the same for a while, or at once if it was renamed into place. If it
cannot be read as a whole image it is tried again, later each time; when it has not changed for as long as
patience lasts, that is told once, and it is tried on. What was taken is never taken again.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

Look = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds."""

SETTLE_SECONDS = 0.5
PATIENCE_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 15.0


class _Waiting(msgspec.Struct):
    look: Look
    changed: float
    due: float
    wait: float
    is_told: bool = False


class Finishing:
    """Files that may still be written to, and those that were taken."""

    def __init__(
        self,
        look: Callable[[Path], Look | None],
        clock: Callable[[], float],
        *,
        settle: float = SETTLE_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Know no file yet.

        Args:
            look: Returns how a file looks now; None if it is gone.
            clock: In seconds.
            settle: Seconds that a file stays as it is before it is tried.
            patience: Seconds without a change after which a file that cannot be read is told of.
        """
        self._look = look
        self._clock = clock
        self._settle = settle
        self._patience = patience
        self._waiting: dict[Path, _Waiting] = {}
        self._taken: dict[Path, Look | None] = {}
        self._ignored: dict[Path, Look | None] = {}

    def ignore(self, path: Path) -> None:
        """Leave out a file that was there before, unless it changes."""
        self._ignored[path] = self._look(path)

    def saw(self, path: Path, *, is_whole: bool = False) -> bool:
        """Note that a file came or changed; say whether that is news.

        Args:
            path: The file.
            is_whole: Whether it was renamed into place, and so finished before.
        """
        look = self._look(path)
        known = self._waiting.get(path)
        if look is None or path in self._taken or self._ignored.get(path) == look:
            return False
        self._ignored.pop(path, None)
        if known is not None and known.look == look and not is_whole:
            return False
        now = self._clock()
        due = now if is_whole else now + self._settle
        self._waiting[path] = _Waiting(look, now, due, self._settle)
        return True

    def has_taken(self, path: Path) -> bool:
        """Say whether a file needs nothing more."""
        return path in self._taken

    def was_rewritten(self, path: Path) -> bool:
        """Say, once for each time, whether a file that was taken has changed since."""
        look = self._look(path)
        if look is None or look == self._taken[path]:
            return False
        self._taken[path] = look
        return True

    def due(self) -> list[Path]:
        """Return the files to try now, in the order in which they came; those that are gone are forgotten."""
        return list(self._due())

    def _due(self) -> Iterator[Path]:
        now = self._clock()
        for path, waiting in list(self._waiting.items()):
            if waiting.due > now:
                continue
            look = self._look(path)
            if look is None:
                del self._waiting[path]
            elif look != waiting.look:
                self._waiting[path] = _Waiting(look, now, now + self._settle, self._settle)
            else:
                yield path

    def begin(self, path: Path) -> None:
        """Note that a file is going to be read as it looks now; it may have changed since it became due."""
        waiting, look = self._waiting[path], self._look(path)
        if look is not None and look != waiting.look:
            waiting.look, waiting.changed = look, self._clock()

    def took(self, path: Path) -> None:
        """Note that a file was read as a whole and needs nothing more."""
        waiting = self._waiting.pop(path, None)
        self._taken[path] = waiting.look if waiting else self._look(path)

    def failed(self, path: Path) -> bool:
        """Note that a file could not be read; say, once, whether patience has run out over it."""
        waiting = self._waiting[path]
        now = self._clock()
        waiting.wait = min(2 * max(waiting.wait, SETTLE_SECONDS), LONGEST_WAIT_SECONDS)
        waiting.due = now + waiting.wait
        told, waiting.is_told = waiting.is_told, waiting.is_told or now - waiting.changed >= self._patience
        return waiting.is_told and not told

    @property
    def hopeful(self) -> int:
        """Files that are waited for, without those that were told of."""
        return sum(not waiting.is_told for waiting in self._waiting.values())

    @property
    def unreadable(self) -> list[Path]:
        """Files that were told of and could not be read until now."""
        return [path for path, waiting in self._waiting.items() if waiting.is_told]

    @property
    def unfinished(self) -> list[Path]:
        """All files that could not be read until now."""
        return list(self._waiting)

    def seconds_left(self, most: float) -> float:
        """Return in how many seconds the next file is due, or this most."""
        now = self._clock()
        return max(0.0, min([most, *(waiting.due - now for waiting in self._waiting.values())]))
