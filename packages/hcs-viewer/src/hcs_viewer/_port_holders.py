"""Which program has a port that a viewer wants, as far as this user may know."""

import contextlib
from collections.abc import Iterator
from pathlib import PurePath

import psutil

from hcs_protocol import control_port, find_connections, runtime_folders

VIEWERS = {"hcs_viewer", "hcs-viewer", "hcs-viewer.exe"}


def holders(data_port: int) -> list[psutil.Process]:
    """Return the processes that listen on a data port or its control port; another user's are not told."""
    return [process for pid in sorted(set(_listening_pids(data_port))) for process in _process(pid)]


def is_let_go(data_port: int) -> bool:
    """Say whether the ports are a viewer's that is closing: it lets go of them in a moment."""
    named = {connection.pid for _, connection in find_connections(runtime_folders())}
    found = holders(data_port)
    return bool(found) and all(_is_viewer(process) and process.pid not in named for process in found)


def said(data_port: int) -> str:
    """Say who has the ports."""
    names = [f"{process.name()!r}, process {process.pid}" for process in holders(data_port)]
    return f"by {' and '.join(names)}" if names else "by a program that does not tell, as another user's"


def _listening_pids(data_port: int) -> Iterator[int]:
    with contextlib.suppress(psutil.Error, OSError):  # macOS tells only its administrator
        for end in psutil.net_connections("tcp"):
            is_ours = end.laddr and end.laddr.port in {data_port, control_port(data_port)}
            if is_ours and end.status == psutil.CONN_LISTEN and end.pid:
                yield end.pid


def _process(pid: int) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        process.name()  # kept from now on, should it end
        yield process


def _is_viewer(process: psutil.Process) -> bool:
    try:
        return any(PurePath(word).name in VIEWERS for word in process.cmdline())
    except psutil.Error:
        return True  # it is gone: the ports are free in a moment
