"""Files that are there whole or not at all, whatever kills the writer."""

import contextlib
import os
import socket
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import psutil

from hcs_protocol import new_id

from ._errors import StorageWriteError

PREFIX, SUFFIX = ".hcs-", ".tmp"
ABANDONED_SECONDS = 86_400.0
"""After that, what another machine's writer has not finished will not be finished."""

_swept: set[tuple[int, Path]] = set()


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file under a temporary name in its folder, flush it to disk, and give it its name.

    Who reads meanwhile finds the old file or the new one. Call `sync_folder` for the name to be safe too.

    Raises:
        StorageWriteError: It could not be; nothing is left.
    """
    temporary = path.with_name(f"{PREFIX}{_machine():08x}-{os.getpid()}-{new_id()}{SUFFIX}")
    try:
        _sweep_once(path.parent)
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise StorageWriteError.of(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk, where the platform can: Windows cannot open folders."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):  # some network file systems refuse; the files themselves are written
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_unfinished(name: str) -> bool:
    """Say whether a file of this name is still being written, or its writer was killed."""
    return name.startswith(PREFIX) and name.endswith(SUFFIX)


def sweep_folder(folder: Path) -> None:
    """Remove what writers that are gone left unfinished in a folder."""
    for entry in os.scandir(folder):
        if is_unfinished(entry.name) and _is_abandoned(entry):
            with contextlib.suppress(OSError):
                os.unlink(entry.path)


def _sweep_once(folder: Path) -> None:
    place = os.getpid(), folder
    if place not in _swept:
        with contextlib.suppress(PermissionError):  # who may write need not be allowed to look
            sweep_folder(folder)
        _swept.add(place)


def _is_abandoned(entry: os.DirEntry[str]) -> bool:
    machine, _, rest = entry.name.removeprefix(PREFIX).partition("-")
    pid = rest.partition("-")[0]
    if machine == f"{_machine():08x}" and pid.isdecimal() and not psutil.pid_exists(int(pid)):
        return True  # else another process may have its number by now
    try:
        return time.time() - entry.stat().st_mtime > ABANDONED_SECONDS
    except OSError:
        return False


def _machine() -> int:
    return zlib.crc32(socket.gethostname().encode())
