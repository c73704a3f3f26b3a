"""One process of this user at a time looks for a viewer and starts one: a lock on a file, per port.

Whoever has the lock gives it up within milliseconds. If it is killed before, what it just started has the
lock as well, so that nobody starts a second viewer; the lock is free when both are gone.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    try:
        import fcntl
    except ImportError:  # a Python without it
        fcntl = None  # type: ignore[assignment]  # the checker has the module

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StartLock:
    """Whether this process may start a viewer now."""

    is_held: bool
    descriptor: int | None = None
    """To be inherited by what is started."""


@contextmanager
def start_lock(folder: Path | None, place: int | str) -> Iterator[StartLock]:
    """Try to get the lock, without waiting; where files cannot be locked, everybody has it.

    Args:
        folder: Where the file lies; None if there is no such place.
        place: Which viewer is to be started: the port that it is asked for, and what else tells it.
    """
    try:
        descriptor = None if folder is None else _open(folder / f"start-{place}.lock")
    except OSError as error:
        logger.debug("no start lock reason=%s", error)
        descriptor = None
    if descriptor is None:
        yield StartLock(is_held=True)
        return
    try:
        is_held = _try_lock(descriptor)
        try:
            yield StartLock(is_held, descriptor if is_held else None)
        finally:
            if is_held:
                _unlock(descriptor)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)


if sys.platform == "win32":

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:

    def _try_lock(descriptor: int) -> bool:
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:  # a file system without locks
            logger.debug("no start lock reason=%s", error)
        return True

    def _unlock(descriptor: int) -> None:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # for all who inherited it as well
