"""`connect`: puts pool, writer and publisher together. The only place that knows hcs_shm."""

import os
import sys
import time
from collections.abc import Callable

import psutil

import hcs_shm
from hcs_protocol import (
    Connection,
    DisplayConfiguration,
    HandshakeRefusedError,
    PoolFullError,
    check_data_port,
    default_data_port,
)

from ._launch import Command, look_for_viewer, viewer_or_launch, wait_until_ready
from ._publisher import Publisher
from ._registry import await_exit, join_publisher, leave_publisher
from ._stream import Stream

RUN = "HCS_RUN"


def connect(
    *,
    data_port: int | None = None,
    host: str = "localhost",
    run: str | None = None,
    display: DisplayConfiguration = DisplayConfiguration(),  # noqa: B008  # frozen
    viewer_command: Command = None,
    title: str | None = None,
    persistent: bool = True,
    wait: bool = True,
    timeout: float = 30.0,
    stall_timeout: float = 60.0,
) -> Stream:
    """Return a stream to the viewer of this port; one is started if none runs.

    Args:
        data_port: The port that the viewer has, or was asked for; else ``$HCS_DATA_PORT``, else 5555.
        host: The viewer's machine; the connection file of another machine's has to be copied here.
        run: One execution of a pipeline; all its workers say the same. By default ``$HCS_RUN``, else made
            from the process: all workers of one `multiprocessing` pool share their parent's run.
        display: How images are shown, unless `Stream.send` says otherwise.
        viewer_command: What starts a viewer, ``"conda run -n napari hcs-viewer"``; else
            ``$HCS_VIEWER_COMMAND``, else the viewer installed beside this package.
        title: Of the window of a viewer that is started.
        persistent: Whether a viewer that is started outlives this process.
        wait: Whether to wait until the viewer is ready; if not, images sent meanwhile are kept and arrive.
        timeout: Seconds to wait for that.
        stall_timeout: Seconds that `Stream.send` waits for room when the viewer releases nothing.

    Raises:
        ViewerNotInstalledError: No viewer runs, and there is none to start.
        ViewerStartError: A viewer was started and did not become ready.
        ViewerStalledError: The viewer that runs does not answer.
        HandshakeRefusedError: The viewer does not want this worker.
        ConnectionFileError: The file of another machine's viewer is not here.
    """
    data_port = default_data_port() if data_port is None else check_data_port(data_port)
    deadline = time.monotonic() + timeout
    launch = viewer_or_launch(
        data_port, host, title=title, persistent=persistent, viewer_command=viewer_command
    )
    if wait:
        wait_until_ready(data_port, host, launch, timeout=timeout)

    def make() -> Publisher:
        find = _finder(data_port, host)
        label = f"{host}:{data_port}"
        return Publisher(find, _new_pool, label=label, stall_timeout=stall_timeout, started=await_exit)

    publisher = join_publisher((host, data_port), make)
    stream = Stream(
        publisher, hcs_shm.ArrayWriter(), run=run or default_run(), display=display, leave=leave_publisher
    )
    publisher.start()
    if wait and not publisher.wait_until_open(max(1.0, deadline - time.monotonic())) and publisher.refusal:
        stream.close(0)
        raise HandshakeRefusedError(publisher.refusal)
    return stream


def default_run() -> str:
    """Return ``$HCS_RUN``, or a run made of pid and start time of this process or of its pool's parent."""
    if run := os.environ.get(RUN):
        return run
    process = psutil.Process(_parent_of_worker() or os.getpid())
    started = process.create_time() - (psutil.boot_time() if psutil.LINUX else 0.0)
    return f"{process.pid}-{round(started * 100)}"


def _new_pool() -> hcs_shm.BlockPool | None:
    hcs_shm.sweep()  # leftovers of workers that died
    try:
        return hcs_shm.BlockPool()
    except PoolFullError:
        return None  # the pool has said why; pixels go as frames


def _parent_of_worker() -> int | None:
    multiprocessing = sys.modules.get("multiprocessing")  # a worker of a pool has imported it
    parent = multiprocessing and multiprocessing.parent_process()
    return parent.pid if parent else None


def _finder(data_port: int, host: str) -> Callable[[], Connection | None]:
    def find() -> Connection | None:
        viewer = look_for_viewer(data_port, host)
        return viewer.connection if viewer else None

    return find
