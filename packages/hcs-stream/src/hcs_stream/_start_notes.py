"""A note per port: which viewer process was started there, by whom, and what became of it.

It lets others wait for a viewer that has no connection file yet instead of starting another, and tells them
why there is none. A note never keeps anybody from starting a viewer once the processes it names are gone.
"""

import contextlib
import os
import time
from pathlib import Path

import msgspec

from hcs_protocol import new_id

from ._processes import KnownProcess

MAX_NOTE_NBYTES = 1 << 16


class StartNote(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one start."""

    id: str
    starter: KnownProcess
    viewer: KnownProcess
    """Or what it was started through, as ``conda run``."""
    log: str
    until: float = 0.0
    """If what was started has ended well, having left the viewer behind: when to give up; since 1970."""
    failure: str | None = None
    """Why there is no viewer."""

    @property
    def may_succeed(self) -> bool:
        """Whether the viewer may still appear."""
        return self.failure is None and (self.viewer.is_alive or time.time() < self.until)


def read_note(folder: Path | None, place: int | str) -> StartNote | None:
    """Return the note on the last start at this port; one that cannot be read is none."""
    if folder is None:
        return None
    try:
        with open(_path(folder, place), "rb") as file:
            return msgspec.json.decode(file.read(MAX_NOTE_NBYTES), type=StartNote)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def write_note(folder: Path | None, place: int | str, note: StartNote) -> None:
    """Leave a note; where there is no place for it, others start a viewer of their own."""
    if folder is None:
        return
    new = folder / f".start-{place}.{new_id()}.new"
    with contextlib.suppress(OSError):
        try:
            with open(new, "wb", opener=_open_private) as file:
                file.write(msgspec.json.encode(note))
            new.replace(_path(folder, place))
        finally:
            new.unlink(missing_ok=True)


def remove_note(folder: Path | None, place: int | str, note_id: str) -> None:
    """Remove this note, and no newer one."""
    note = read_note(folder, place)
    if folder is not None and note is not None and note.id == note_id:
        with contextlib.suppress(OSError):
            _path(folder, place).unlink(missing_ok=True)


def _path(folder: Path, place: int | str) -> Path:
    return folder / f"start-{place}.json"


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
