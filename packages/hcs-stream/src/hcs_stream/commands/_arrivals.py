"""What happens to the files below a folder: told by the operating system, or found by looking again."""

import os
import queue
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

from hcs_protocol import HcsError
from hcs_stream._extras import extra
from hcs_stream.microscopes._folders import list_folders

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent

POLLING_SECONDS = 2.0
RESCAN_SECONDS = 30.0
"""The system's own queue of events may run over, and a folder may be filled before it is watched."""
TOLD = frozenset({"created", "modified", "closed", "moved"})
"""Not that a file was opened and read: that is what we do."""
TOLD_OF_FOLDERS = frozenset({"created", "moved"})
"""What changes inside a folder is told of the files."""


class CannotListenError(HcsError, OSError):
    """The system does not tell what happens in a folder."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(folder, reason)
        self.folder = folder
        self.reason = reason

    def __str__(self) -> str:
        return f"wanted to hear of {str(self.folder)!r}, found {self.reason}: use --polling"


class Arrival(NamedTuple):
    """A file that came or changed."""

    path: Path
    is_whole: bool = False
    """Whether it was renamed into place."""
    is_told: bool = False
    """Whether the system told of it, and not that somebody looked at what there is."""


class Arrivals(Protocol):
    """Tells what happens below a folder; a context manager."""

    def __enter__(self) -> Self:
        """Begin to listen."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""

    def wait(self, seconds: float) -> list[Arrival]:
        """Return what has happened since, at once or within this time; maybe nothing."""
        ...

    def look(self) -> list[Arrival]:
        """Return every file that there is."""
        ...


class Polling:
    """Looks again every few seconds: for network drives, where the system says nothing."""

    def __init__(self, folder: Path, seconds: float = POLLING_SECONDS) -> None:
        self._folder = folder
        self._seconds = seconds
        self._due = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was begun."""

    def wait(self, seconds: float) -> list[Arrival]:
        """Return every file, when it is time to look again."""
        left = self._due - time.monotonic()
        if left > 0:
            time.sleep(min(left, seconds))
        if self._due > time.monotonic():
            return []
        found = self.look()
        self._due = time.monotonic() + self._seconds
        return found

    def look(self) -> list[Arrival]:
        """Return every file that there is."""
        return [Arrival(path) for path in files_below(self._folder)]


class Listening:
    """Hears from the operating system, and looks again now and then."""

    def __init__(self, folder: Path) -> None:
        """Listen to nothing yet.

        Raises:
            MissingExtraError: watchdog is not installed.
        """
        with extra("watch", needs="watching a folder without --polling"):
            from watchdog.events import FileSystemEventHandler
            from watchdog.observers import Observer
        self._folder = folder
        self._told: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._observer = Observer()
        self._due = 0.0

        told = self._told

        class Handler(FileSystemEventHandler):
            def on_any_event(self, event: "FileSystemEvent") -> None:
                if event.event_type not in (TOLD_OF_FOLDERS if event.is_directory else TOLD):
                    return
                is_moved = event.event_type == "moved"
                path = Path(os.fsdecode(event.dest_path if is_moved else event.src_path))
                if not is_hidden(path, folder):
                    told.put(Arrival(path, is_whole=is_moved, is_told=True))

        self._handler = Handler()
        self._heard = _identity(folder)
        self._observer.schedule(self._handler, str(folder), recursive=True)

    def __enter__(self) -> Self:
        try:
            self._observer.start()
        except OSError as error:
            raise CannotListenError(self._folder, str(error)) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._observer.stop()
        self._observer.join()

    def wait(self, seconds: float) -> list[Arrival]:
        """Return what the system has told; every file, the first time and every half minute."""
        if time.monotonic() >= self._due or self._hears_another():
            found = self.look()
            self._due = time.monotonic() + RESCAN_SECONDS
            return found
        try:
            found = [self._told.get(timeout=seconds)] if seconds > 0 else []
        except queue.Empty:
            return []
        while not self._told.empty():
            found.append(self._told.get())
        return list(_files(found))

    def look(self) -> list[Arrival]:
        """Return every file that there is."""
        return [Arrival(path) for path in files_below(self._folder)]

    def _hears_another(self) -> bool:
        """Listen to the folder that is at the path now, if it was made anew; say whether it was."""
        now = _identity(self._folder)
        if now in (None, self._heard):
            return False
        self._heard = now
        self._observer.unschedule_all()
        self._observer.schedule(self._handler, str(self._folder), recursive=True)
        return True


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from one that was made anew in its place; None if there is none."""
    try:
        state = folder.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _files(found: list[Arrival]) -> Iterator[Arrival]:
    """Yield each file once; of a folder that came, or was moved here, all that is in it."""
    whole: dict[Path, bool] = {}
    for arrival in found:
        whole[arrival.path] = whole.get(arrival.path, False) or arrival.is_whole
    for path, is_whole in whole.items():
        if path.is_dir():
            yield from (
                Arrival(below, is_whole, is_told=True) for below in files_below(path) if below not in whole
            )
        else:
            yield Arrival(path, is_whole, is_told=True)


def is_hidden(path: Path, folder: Path) -> bool:
    """Say whether a file below a folder is hidden, or in a folder that is."""
    return any(part.startswith(".") for part in Path(os.path.relpath(path, folder)).parts)


def files_below(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder, as `open_plate` finds them: none is hidden or inside a Zarr store."""
    try:
        below = list_folders(folder).folders
    except OSError:  # it is gone, or closed: another look may tell
        return
    for each in below:
        yield from (each.path / name for name in each.names)
