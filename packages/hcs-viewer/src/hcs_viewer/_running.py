"""The viewers of this user that run on this machine, by their connection files."""

from pathlib import Path
from typing import NamedTuple

import psutil

from hcs_protocol import Connection, find_connections, runtime_folders, start_ticks, this_machine

START_TOLERANCE_SECONDS = 1.0


class Running(NamedTuple):
    """One of them, and its file."""

    connection: Connection
    path: Path


def running_viewers() -> list[Running]:
    """Return them, the one that started last first; not those that a tunnel or a copied file leads to."""
    found = {
        connection.viewer_run: Running(connection, path)
        for path, connection in find_connections(runtime_folders())
        if connection.tunnel is None and _runs_here(connection)
    }
    return sorted(found.values(), key=lambda each: each.connection.start_time, reverse=True)


def _runs_here(connection: Connection) -> bool:
    """Say whether its process is one of this machine: a pid alone may be another's by now."""
    if connection.machine not in {"", this_machine()}:
        return False
    try:
        process = psutil.Process(connection.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        known = connection.start_ticks and start_ticks(connection.pid)
        if known:
            return known == connection.start_ticks
        return abs(process.create_time() - connection.start_time) <= START_TOLERANCE_SECONDS
    except psutil.Error:
        return False
