"""A viewer's own folder on disk, for images that its memory has no room for; and what dead viewers left.

Whoever holds the lock in a folder is alive. A folder whose lock is free is removed by the next viewer.
"""

import errno
import os
import shutil
import stat
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hcs_protocol import new_id

from ._slabs import Slab

if TYPE_CHECKING:
    from filelock import FileLock

CHUNK_NBYTES = 1 << 26
"""Of pixels that are compressed at once: as much memory is needed meanwhile."""
SPARE_NBYTES = 1 << 30
"""Of the disk, for others."""
LOCKING_SECONDS = 5.0
PREFIX, LOCK = "viewer-", "lock"
_LENGTH_NBYTES = 8


class SpilledFile:
    """A file of ours that has an image's pixels."""

    def __init__(self, path: Path, chunk_nbytes: int) -> None:
        self._path = path
        self._chunk_nbytes = chunk_nbytes

    def is_good(self) -> bool:
        """Say whether the pixels are still there: nobody else touches them."""
        return True

    def read(self, memory: Slab) -> None:
        """Read the pixels' bytes into memory of their size.

        Raises:
            OSError: They are not there.
        """
        from numcodecs.blosc import decompress  # slow to import, and most viewers spill nothing

        with open(self._path, "rb") as file:
            for first in range(0, memory.nbytes, self._chunk_nbytes):
                nbytes = int.from_bytes(file.read(_LENGTH_NBYTES), "little")
                try:
                    decompress(file.read(nbytes), memory[first : first + self._chunk_nbytes])
                except (RuntimeError, ValueError) as error:
                    raise OSError(errno.EIO, f"damaged: {error}", str(self._path)) from error

    def remove(self) -> None:
        """Remove the file; a second time is harmless."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


class SpillFolder:
    """Writes images into files that this user alone can read; one thread calls it."""

    def __init__(
        self, base: Path, *, spare_nbytes: int = SPARE_NBYTES, chunk_nbytes: int = CHUNK_NBYTES
    ) -> None:
        """Make no folder yet: the first image does.

        Args:
            base: Where all viewers of this user have their folders.
            spare_nbytes: So much of the disk stays free.
            chunk_nbytes: So much is compressed at once.
        """
        self.base = base
        self._spare = spare_nbytes
        self._chunk_nbytes = chunk_nbytes
        self._numbers = count(1)
        self._path: Path | None = None
        self._lock: FileLock | None = None

    def write(self, pixels: npt.NDArray[np.generic]) -> SpilledFile:
        """Write an image's pixels.

        Raises:
            OSError: The disk is full, or the folder cannot be written.
        """
        folder = self._path if self._path is not None and self._path.is_dir() else self._open()
        if shutil.disk_usage(folder).free - pixels.nbytes < self._spare:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        path = folder / f"{next(self._numbers)}.blosc"
        try:
            _write(path, pixels, self._chunk_nbytes)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return SpilledFile(path, self._chunk_nbytes)

    def sweep(self) -> None:
        """Remove the folders of viewers that are gone; what others put there, as links, is left alone."""
        if not _is_closed_to_others(self.base):
            return
        for path in sorted(self.base.glob(f"{PREFIX}*")):
            if path != self._path:
                with suppress(OSError, NotImplementedError):  # its viewer is alive, or another swept it
                    if _is_own(path):
                        with _lock(path, timeout=0):
                            _empty(path)
                        _remove(path)

    def close(self) -> None:
        """Remove the folder; a second time is harmless."""
        path, lock, self._path, self._lock = self._path, self._lock, None, None
        if path is not None and lock is not None:
            _empty(path)
            lock.release()
            _remove(path)

    def _open(self) -> Path:
        self.close()
        _make_private(self.base)
        while True:
            path = self.base / f"{PREFIX}{new_id()}"
            path.mkdir(mode=0o700)
            lock = _lock(path, timeout=LOCKING_SECONDS)
            lock.acquire()
            if (path / LOCK).exists():
                self._path, self._lock = path, lock
                return path
            lock.release()  # another viewer swept it before it was locked


def _lock(path: Path, timeout: float) -> "FileLock":
    from filelock import FileLock  # slow to import, likewise

    return FileLock(path / LOCK, timeout=timeout, mode=0o600, thread_local=False)


def _write(path: Path, pixels: npt.NDArray[np.generic], chunk_nbytes: int) -> None:
    from numcodecs.blosc import BITSHUFFLE, Blosc  # slow to import, likewise

    codec = Blosc("lz4", clevel=5, shuffle=BITSHUFFLE)  # writes a noisy image faster than a disk takes it
    flat = pixels.reshape(-1)
    step = chunk_nbytes // pixels.itemsize
    with open(path, "xb", opener=_open_private) as file:
        for first in range(0, flat.size, step):
            compressed = codec.encode(flat[first : first + step])
            file.write(len(compressed).to_bytes(_LENGTH_NBYTES, "little"))
            file.write(compressed)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _make_private(base: Path) -> None:
    """Make sure of a folder in which no other user can rename or remove ours.

    Raises:
        OSError: Others can, or it cannot be made.
    """
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_closed_to_others(base):
        raise PermissionError(errno.EPERM, "wanted a folder of this user, closed to others", str(base))


def _is_closed_to_others(base: Path) -> bool:
    """Say whether this is a folder, and no link, in which no other user can rename or remove ours."""
    if sys.platform == "win32":
        return base.is_dir()
    with suppress(OSError):
        found = base.lstat()
        is_closed = found.st_uid == os.getuid() and not found.st_mode & 0o022
        return stat.S_ISDIR(found.st_mode) and (is_closed or _is_for_all(found, base))
    return False


def _is_for_all(found: os.stat_result, base: Path) -> bool:
    """Say whether nobody but its owner removes another's files there, and that one is to be trusted."""
    is_trusted = found.st_uid in {0, os.getuid()} or not base.parent.stat().st_mode & 0o022
    return bool(found.st_mode & stat.S_ISVTX) and is_trusted


def _is_own(path: Path) -> bool:
    """Say whether this is a folder of this user, and no link to one that somebody else may have put here."""
    found = path.lstat()
    return stat.S_ISDIR(found.st_mode) and (sys.platform == "win32" or found.st_uid == os.getuid())


def _empty(path: Path) -> None:
    for entry in path.glob("*"):
        if entry.name != LOCK:  # which Windows removes only when nobody holds it
            with suppress(OSError):
                entry.unlink()


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
