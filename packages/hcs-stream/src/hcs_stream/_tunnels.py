"""The tunnels that this process keeps open, one for each viewer that it reaches by ssh."""

import atexit
import contextlib
import threading
import time

from hcs_protocol import HcsError, TunnelError
from hcs_protocol.ssh import is_ssh, ssh_place

from ._processes import in_forked_child
from ._tunnel import TunnelKeeper
from ._viewer import Viewer
from ._viewers import find_viewer

LOOK_SECONDS = 0.05

_keepers: dict[tuple[str, int], TunnelKeeper] = {}
_lock = threading.Lock()


def reach(host: str, data_port: int) -> None:
    """Have a tunnel to the viewer of this port, be it another process's; does not wait.

    Raises:
        TunnelError: The host is no machine that ssh leads to.
    """
    key = host, data_port
    with _lock:
        if key in _keepers:
            return
        _keepers[key] = TunnelKeeper(ssh_place(host), data_port)
        _keepers[key].start()


def why_out_of_reach(host: str, data_port: int) -> TunnelError | None:
    """Return why the tunnel of this process to a viewer is not open; None if it is, or may be soon."""
    keeper = _keepers.get((host, data_port))
    return keeper.problem if keeper else None


def is_known_to_be_missing(host: str, data_port: int) -> bool:
    """Say whether no viewer can be there that a tunnel would find: ssh got there, or has no part in it."""
    if not is_ssh(host):
        return True
    problem = why_out_of_reach(host, data_port)
    return problem is not None and problem.is_there


def expect_viewer(host: str, data_port: int) -> None:
    """Look for the viewer of this port more often for a while: it was just started."""
    if keeper := _keepers.get((host, data_port)):
        keeper.hurry()


def await_viewer(host: str, data_port: int, timeout: float) -> Viewer | None:
    """Return a viewer as soon as there is a tunnel to it; None if that takes longer than so many seconds.

    Raises:
        TunnelError: Ssh does not lead to it.
    """
    deadline = time.monotonic() + timeout
    while True:
        if viewer := find_viewer(data_port, host=host):
            return viewer
        if problem := why_out_of_reach(host, data_port):
            give_up(host, data_port)
            raise problem
        if time.monotonic() > deadline:
            return None
        time.sleep(LOOK_SECONDS)


def give_up(host: str, data_port: int) -> None:
    """Close the tunnel to a viewer; a second time is harmless."""
    with _lock:
        keeper = _keepers.pop((host, data_port), None)
    if keeper:
        keeper.close()


def close_tunnels() -> None:
    """Close all tunnels of this process; a second time is harmless."""
    with _lock:
        keepers = list(_keepers.values())
        _keepers.clear()
    for keeper in keepers:
        with contextlib.suppress(HcsError):
            keeper.close()


atexit.register(close_tunnels)  # now: what is registered later runs earlier, as what waits for viewers has to


@in_forked_child
def _leave_to_parent() -> None:
    global _lock
    _lock = threading.Lock()
    _keepers.clear()
