"""The folders where connection files lie: this user's alone."""

import os
import stat
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ._errors import ConnectionFileError


def runtime_folders(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Return where connection files may lie, the best place first.

    ``$HCS_RUNTIME_DIR``, ``$XDG_RUNTIME_DIR``, ``/run/user/<uid>`` and a private temporary folder:
    cron, Slurm, sudo and containers lack the middle ones, so all of them are looked at.
    """
    folders = [Path(environ[name]) for name in ("HCS_RUNTIME_DIR", "XDG_RUNTIME_DIR") if environ.get(name)]
    if sys.platform != "win32":
        folders += [
            Path(f"/run/user/{os.getuid()}"),
            temporary_folder(environ) / f"hcs-{os.getuid()}",
        ]
    else:
        folders += [temporary_folder(environ) / "hcs"]
    return list(dict.fromkeys(folders))


def temporary_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for temporary files, though nothing can be written there, or anywhere, now."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:  # the disk is full, or all disks are read-only
        named = (environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
        return Path(next(filter(None, named), "/tmp"))  # nothing is made there


def private_folder(folders: list[Path]) -> Path:
    """Return the first of these folders that can be written and is this user's alone; it is made if need be.

    Raises:
        ConnectionFileError: None of them is.
    """
    refused = []
    for folder in folders:
        try:
            make_private(folder)
        except OSError as error:
            refused.append(f"{folder}: {error.strerror}")
        except ConnectionFileError as error:
            refused.append(str(error))
        else:
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
            refused.append(f"{folder}: cannot be written")
    raise ConnectionFileError(
        f"no folder of this user's alone ({'; '.join(refused)}); set HCS_RUNTIME_DIR to one of yours"
    )


def make_private(folder: Path) -> None:
    """Make a folder that is this user's alone, or refuse one that is not.

    Raises:
        OSError: It cannot be made.
        ConnectionFileError: Others may use it, or it is no folder.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    check_private(folder.lstat(), folder, stat.S_IFDIR)


def is_private_folder(folder: Path) -> bool:
    """Say whether a folder is there, and this user's alone."""
    try:
        check_private(folder.lstat(), folder, stat.S_IFDIR)
    except (OSError, ConnectionFileError):
        return False
    return True


def check_private(found: os.stat_result, path: Path, kind: int) -> None:
    """Refuse what is of another kind, another user's, or open to others.

    Args:
        found: What the system says of it.
        path: Where it is, for the error.
        kind: ``stat.S_IFREG`` or ``stat.S_IFDIR``.

    Raises:
        ConnectionFileError: It is.
    """
    if stat.S_IFMT(found.st_mode) != kind:
        wanted = "folder" if kind == stat.S_IFDIR else "file"
        raise ConnectionFileError(f"wanted a {wanted}, and no link to one: {path}")
    if sys.platform == "win32":
        return  # the user's profile is private by its access list
    if found.st_uid != os.getuid():
        raise ConnectionFileError(f"wanted this user as owner, found user {found.st_uid}: {path}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise ConnectionFileError(
            f"wanted mode 0600 (folders 0700), open to nobody else; try 'chmod go= {path}'"
        )
