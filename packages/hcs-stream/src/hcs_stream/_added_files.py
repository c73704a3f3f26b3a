"""Another machine's viewer is listed by its connection file, copied to where this user's are."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from hcs_protocol import (
    Connection,
    ConnectionFileError,
    decode_connection,
    find_connections,
    new_id,
    private_folder,
    read_connection,
)

from ._whereabouts import LOCAL_HOSTS, is_gone

MAX_NBYTES = 1 << 16


class HostWantedError(ConnectionFileError):
    """The file says "this machine", but it was copied from another one."""


def add_remote(source: Path, folders: Sequence[Path], host: str | None = None) -> Path:
    """Copy a connection file to the first folder that takes it, with mode 0600; return where it is.

    Args:
        source: The file as it came from the other machine, of any mode.
        folders: Where connection files are looked for, the best place first.
        host: The machine on which the viewer runs; None takes what the file says.

    Raises:
        HostWantedError: The file says that the viewer is on this machine, where it does not run.
        ConnectionFileError: It is no connection file, or no folder takes it.
    """
    return add_connection(_read(source), str(source), folders, host)[1]


def add_connection(
    data: bytes, source: str, folders: Sequence[Path], host: str | None = None
) -> tuple[Connection, Path]:
    """Write a connection file that came in some way, as `add_remote`; return also what it says.

    Args:
        data: What it says.
        source: Where it came from, for errors.
        folders: Where connection files are looked for.
        host: The machine on which the viewer runs.
    """
    connection = decode_connection(data, source, host)
    if connection.tunnel:
        raise ConnectionFileError(
            f"wanted the file of the viewer itself, found that of a tunnel to it, which leads there from one "
            f"machine alone ({source}): get it from {connection.tunnel.far_end}"
        )
    if connection.host in LOCAL_HOSTS and is_gone(connection):
        raise HostWantedError(
            f"viewer {connection.title!r} of this file does not run on this machine: on which one does it?"
        )
    refused = []
    for folder in folders:
        try:
            path = _copy(connection, folder)
        except (OSError, ConnectionFileError) as error:
            refused.append(f"{folder}: {error}")
        else:
            _forget_older(connection, folders)
            return connection, path
    raise ConnectionFileError(f"no folder takes the connection file ({'; '.join(refused)})")


def _forget_older(new: Connection, folders: Sequence[Path]) -> None:
    """Remove the file of the viewer that had this port before: its keys open nothing any more."""
    if new.host in LOCAL_HOSTS:
        return
    for path, old in find_connections(list(folders)):
        same_place = (old.host, old.data_port, old.tunnel) == (new.host, new.data_port, None)
        if same_place and old.viewer_run != new.viewer_run and old.start_time < new.start_time:
            path.unlink(missing_ok=True)


def _read(source: Path) -> bytes:
    try:
        with source.open("rb") as file:
            return file.read(MAX_NBYTES)
    except OSError as error:
        raise ConnectionFileError(
            f"wanted the connection file of a viewer, found {error} ({source})"
        ) from error


def _copy(connection: Connection, folder: Path) -> Path:
    private_folder([folder])
    path = _free_path(connection, folder)
    new = folder / f".{new_id()}.new"
    try:
        with open(new, "wb", opener=_open_private) as file:
            file.write(msgspec.json.format(msgspec.json.encode(connection)))
        read_connection(new)  # as everybody else will
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return path


def _free_path(connection: Connection, folder: Path) -> Path:
    """Return a name that no other viewer's file has: viewers of two machines may have the same port."""
    names = (f"viewer-{connection.data_port}", f"viewer-{connection.data_port}-{connection.viewer_run}")
    paths = [folder / f"{name}.json" for name in names]
    for path in paths:
        with contextlib.suppress(ConnectionFileError):
            if path.exists() and read_connection(path).viewer_run != connection.viewer_run:
                continue
        return path
    return paths[-1]


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
