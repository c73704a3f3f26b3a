"""Have a viewer on a port: started at once, gone on with in the background, or waited for."""

import contextlib
import logging
import threading
import time

from hcs_protocol import (
    ConnectionFileError,
    HcsError,
    ViewerNotInstalledError,
    ViewerStalledError,
    check_data_port,
    default_data_port,
    runtime_folders,
    skipped_connections,
)
from hcs_protocol.ssh import is_ssh

from ._launch import OnPortConflict, Order
from ._processes import in_forked_child
from ._spares import keep_spare, wants_spare
from ._start import LOOK_SECONDS, Start, not_ready
from ._tunnels import give_up, reach, why_out_of_reach
from ._viewer import Viewer
from ._viewer_kinds import NAPARI, Command
from ._viewers import find_viewer
from ._whereabouts import LOCAL_HOSTS

logger = logging.getLogger(__name__)

PING_SECONDS = 1.0

_starts: dict[tuple[str, int], Start] = {}
_lock = threading.Lock()


def start_viewer(
    data_port: int | None = None,
    *,
    title: str | None = None,
    persistent: bool = True,
    viewer_command: Command = None,
    kind: str = NAPARI,
    on_port_conflict: OnPortConflict = "next",
    timeout: float = 30.0,
) -> Viewer:
    """Return the viewer of this port once it is ready; one that runs already is not started again.

    Any number of processes may do this at once: one viewer is started, and all of them find it.

    Args:
        data_port: Where it is to listen; else ``$HCS_DATA_PORT``, else 5555.
        title: Of its window.
        persistent: Whether it outlives this process.
        viewer_command: What starts it, ``"conda run -n napari hcs-viewer"``; else ``$HCS_VIEWER_COMMAND``,
            else the viewer of this kind installed beside this package.
        kind: A name among the entry points ``hcs.viewers``; this package's sister has ``napari``.
        on_port_conflict: ``"next"`` lets it take the next free ports if another program has this one; it is
            found by this one all the same. ``"error"`` does not.
        timeout: Seconds until it has to be ready.

    Raises:
        ViewerNotInstalledError: There is no viewer to start.
        PortTakenError: Another program has the port, and it may have no other.
        ViewerStartError: It ended, or was not ready in time; the text has the last lines of its log.
        ViewerStalledError: A viewer runs there and does not answer.
    """
    order = Order(
        data_port=default_data_port() if data_port is None else data_port,
        title=title,
        persistent=persistent,
        viewer_command=viewer_command,
        kind=kind,
        on_port_conflict=on_port_conflict,
    )
    start_of(order)
    return wait_until_ready(order, timeout=timeout)


def start_of(order: Order) -> Start | None:
    """Start a viewer, and no more, unless one runs or is being started; None if one runs.

    Raises:
        ConnectionFileError: It is another machine's; its file is not here, and no command starts it there.
        TunnelError: The host is no machine that ssh leads to.
        ViewerNotInstalledError: There is no viewer to start.
        ViewerStartError: Its command cannot be run.
    """
    check_data_port(order.data_port)
    if is_ssh(order.host):
        reach(order.host, order.data_port)
    if order.host not in LOCAL_HOSTS and not order.viewer_command:
        if not is_ssh(order.host):
            _check_file(order)
        return None
    key = _key(order.host, order.data_port)
    with _lock:
        start = _starts.get(key)
        if start is None or start.is_over:
            start = Start(order)
        viewer = start.look()
        if order.kind == NAPARI and order.host in LOCAL_HOSTS and wants_spare():
            with contextlib.suppress(ViewerNotInstalledError):  # none that could be started here
                keep_spare(order.program())
        if viewer:
            _starts.pop(key, None)
            return None
        _starts[key] = start
        return start


def look_for_viewer(data_port: int, host: str) -> Viewer | None:
    """Find a viewer, or go on with starting one that `start_of` began; log, once, that there will be none."""
    key = _key(host, data_port)
    start = _starts.get(key)
    if is_ssh(host):
        reach(host, data_port)
    if start is None:
        return find_viewer(data_port, host=host)
    try:
        viewer = start.look()
    except HcsError as error:
        _starts.pop(key, None)
        logger.error("viewer not started reason=%s", error)
        return None
    if viewer and _state(viewer) in {"starting", "ready"}:  # else it may be ending, and the next one is ours
        start.done()
        _starts.pop(key, None)
    return viewer


def wait_until_ready(order: Order, *, timeout: float, may_start: bool = True) -> Viewer:
    """Return the viewer of this port as soon as its window is ready for images.

    Args:
        order: Which one.
        timeout: Seconds to wait.
        may_start: Whether one is started should it be gone, because it was just ending.

    Raises:
        ViewerStartError: The viewer that was started ended, or was not ready in time.
        ViewerStalledError: A viewer that ran before did not answer in time.
        TunnelError: Ssh does not lead to it.
    """
    key = _key(order.host, order.data_port)
    start = _starts.get(key)
    if start is None and may_start and (order.host in LOCAL_HOSTS or order.viewer_command):
        start = Start(order)
    try:
        return _wait(order.data_port, order.host, start, timeout)
    finally:
        if start and _starts.get(key) is start:
            del _starts[key]


def _wait(data_port: int, host: str, start: Start | None, timeout: float) -> Viewer:
    deadline = time.monotonic() + timeout
    while True:
        viewer = start.look() if start else find_viewer(data_port, host=host)
        if viewer and _state(viewer) == "ready":
            if start:
                start.done()
            return viewer
        if viewer is None:
            _check_tunnel(data_port, host, may_come=start is not None)
        if time.monotonic() > deadline:
            raise _not_there(data_port, host, start, viewer, timeout)
        time.sleep(start.look_seconds if start else LOOK_SECONDS)


def _not_there(
    data_port: int, host: str, start: Start | None, viewer: Viewer | None, timeout: float
) -> HcsError:
    """Return why no viewer is ready after so many seconds."""
    problem = why_out_of_reach(host, data_port)
    if problem and not (start and start.is_begun):
        return problem
    if start:
        return start.failure(timeout)
    if viewer:
        return not_ready(viewer, timeout)
    return ViewerStalledError(f"no viewer is ready at {host}:{data_port} within {timeout:g} s")


def _check_tunnel(data_port: int, host: str, *, may_come: bool) -> None:
    """Raise what keeps ssh from leading to a viewer, unless that may come with it."""
    problem = why_out_of_reach(host, data_port)
    if problem and (problem.lasts or not may_come):
        give_up(host, data_port)
        raise problem


def _check_file(order: Order) -> None:
    if find_viewer(order.data_port, host=order.host) is None:
        host, port = order.host, order.data_port
        raise ConnectionFileError(
            f"no connection file of a viewer on {host!r}, port {port}: get it by\n"
            f"  ssh {host} hcs-viewer connection {port} --host {host} | hcs-stream connection add -\n"
            f"if that viewer listens to other machines; else have ssh make a tunnel to it, without a file: "
            f"connect('USER@{host}'), napari_host='USER@{host}', or hcs-stream … --ssh USER@{host}"
            + "".join(f"\n(skipped: {problem})" for problem in skipped_connections(runtime_folders()))
        )


def _key(host: str, data_port: int) -> tuple[str, int]:
    return ("localhost" if host in LOCAL_HOSTS else host), data_port


def _state(viewer: Viewer) -> str:
    try:
        return viewer.ping(PING_SECONDS).state
    except HcsError:
        return ""  # it may be ready with its sockets later, or be closing


@in_forked_child
def _forget_starts() -> None:
    global _lock
    _lock = threading.Lock()
    _starts.clear()
