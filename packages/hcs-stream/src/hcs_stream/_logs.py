"""Where viewers' logs lie, and their last lines."""

import os
import tempfile
from pathlib import Path

import platformdirs

TAIL_NBYTES = 1 << 18


def log_paths(data_port: int) -> list[Path]:
    """Return the files that a viewer of this requested port may write: what it prints, and its log."""
    folder = platformdirs.user_log_path("hcs")
    return [folder / f"viewer-{data_port}{suffix}" for suffix in (".out", ".log")]


def output_path(data_port: int) -> Path:
    """Return the file that takes what a viewer prints, in a folder that is there."""
    try:
        return _log_folder() / f"viewer-{data_port}.out"
    except OSError:  # no home, or a read-only one
        file, path = tempfile.mkstemp(prefix=f"hcs-viewer-{data_port}-", suffix=".out")
        os.close(file)
        return Path(path)


def spares_output_path() -> Path:
    """Return the file that takes what a spare viewer prints until it is taken."""
    try:
        return _log_folder() / "spare.out"
    except OSError:
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


def _log_folder() -> Path:
    """Return the user's folder for logs, made if need be.

    Raises:
        OSError: It cannot be made.
    """
    folder = platformdirs.user_log_path("hcs")
    for each in (folder.parent, folder):  # parents that are made on the way have the usual mode
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
