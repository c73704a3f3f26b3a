"""Where viewers' logs lie, and their last lines."""

import os
import tempfile
from pathlib import Path
from typing import BinaryIO

import platformdirs

from ._private_files import open_private

TAIL_NBYTES = 1 << 18
LOG_NBYTES = 1 << 20
NO_FOLDER = (OSError, RuntimeError)
"""The latter is that of `platformdirs` for a user who has no home, as in containers that run as any user."""


def log_paths(data_port: int) -> list[Path]:
    """Return the files that a viewer of this requested port may write: what it prints, and its log."""
    try:
        folder = platformdirs.user_log_path("hcs")
    except NO_FOLDER:
        return []
    return [folder / f"viewer-{data_port}{suffix}" for suffix in (".out", ".log")]


def output_path(data_port: int) -> Path:
    """Return the file that takes what a viewer prints, in a folder that is there."""
    try:
        return _log_folder() / f"viewer-{data_port}.out"
    except NO_FOLDER:  # no home, or a read-only one
        return _temporary_path(data_port)


def open_output(data_port: int) -> BinaryIO:
    """Open the file that takes what a viewer prints, at its end; what had grown large begins anew.

    It is a temporary one if the usual one cannot be had: another user's, as by sudo, or a folder.
    """
    path = output_path(data_port)
    try:
        if path.exists() and path.stat().st_size > LOG_NBYTES:
            path.unlink()
        return open(path, "ab", opener=open_private)
    except OSError:
        return _temporary_path(data_port).open("ab")


def spares_output_path() -> Path:
    """Return the file that takes what a spare viewer prints until it is taken."""
    try:
        return _log_folder() / "spare.out"
    except NO_FOLDER:
        return Path(os.devnull)


def last_lines(path: Path, count: int, *, start: int = 0) -> list[str]:
    """Return the last lines of a file, none if there is no such file.

    Args:
        path: The file.
        count: How many lines.
        start: What is before this byte is not looked at.
    """
    try:
        with path.open("rb") as file:
            nbytes = file.seek(0, os.SEEK_END)
            file.seek(max(start if start <= nbytes else 0, nbytes - TAIL_NBYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return lines[-count:] if count > 0 else []


def _temporary_path(data_port: int) -> Path:
    try:
        file, path = tempfile.mkstemp(prefix=f"hcs-viewer-{data_port}-", suffix=".out")
    except OSError:  # nothing can be written anywhere
        return Path(os.devnull)
    os.close(file)
    return Path(path)


def _log_folder() -> Path:
    """Return the user's folder for logs, made if need be.

    Raises:
        OSError: It cannot be made.
        RuntimeError: The user has no home.
    """
    folder = platformdirs.user_log_path("hcs")
    for each in (folder.parent, folder):  # parents that are made on the way have the usual mode
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
