"""`connect`: puts pool, writer and publisher together. The only place that knows hcs_shm."""

import logging
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import psutil

import hcs_shm
from hcs_protocol import (
    MAX_DESTINATIONS,
    Connection,
    DisplayConfiguration,
    HandshakeRefusedError,
    InvalidPortError,
    OrphanFinder,
    PoolFullError,
    check_data_port,
    default_data_port,
)
from hcs_protocol.ssh import is_ssh, ssh_place

from ._compression import check_compression
from ._holdings import Holdings
from ._launch import OnPortConflict, Order
from ._overflow import Overflow
from ._publisher import Publisher
from ._registry import await_exit, join_publisher, leave_publisher, process_holdings
from ._starting import look_for_viewer, start_of, wait_until_ready
from ._stream import Stream
from ._viewer_kinds import NAPARI, Command
from ._whereabouts import LOCAL_HOSTS, is_gone

logger = logging.getLogger(__name__)

RUN = "HCS_RUN"
OVERFLOW = "HCS_OVERFLOW"
COMPRESSION = "HCS_COMPRESSION"
WITH_PORT = re.compile(r"(?:\w+://)?\[?([^][:/]*)]?:(\d+)(?:/.*)?")
""""server:5555", as others write an address; one of IPv6 has more colons."""


def connect(
    ssh: str | None = None,
    *,
    data_port: int | Sequence[int] | None = None,
    host: str = "localhost",
    run: str | None = None,
    display: DisplayConfiguration = DisplayConfiguration(),  # noqa: B008  # frozen
    viewer_command: Command = None,
    kind: str = NAPARI,
    title: str | None = None,
    persistent: bool = True,
    on_port_conflict: OnPortConflict = "next",
    start: bool = True,
    wait: bool = True,
    timeout: float = 30.0,
    overflow: Overflow | str | None = None,
    compression: str | None = None,
) -> Stream:
    """Return a stream to the viewer of this port; one is started if none runs, unless told not to.

    Args:
        ssh: The viewer's machine, if ssh leads there: ``"user@server"`` or a name of the user's ssh
            configuration. The viewer's keys and a tunnel to its ports are got by ssh; it need not listen to
            other machines. With ``host``, this is the machine in between, as with ``ssh -J``.
        data_port: The port that the viewer has, or was asked for; else ``$HCS_DATA_PORT``, else 5555. Several
            ports are several viewers: all get every image, and there is one copy of its pixels.
        host: The viewer's machine; the connection file of another machine's has to be copied here, or to
            appear here when ``viewer_command`` starts it there. ``"user@server"`` and ``"ssh://server"`` are
            as ``ssh``.
        run: One execution of a pipeline; all its workers say the same. By default ``$HCS_RUN``, else made
            from the process: all workers of one `multiprocessing` pool share their parent's run.
        display: How images are shown, unless `Stream.send` says otherwise.
        viewer_command: What starts a viewer, ``"conda run -n napari hcs-viewer"``; else
            ``$HCS_VIEWER_COMMAND``, else the viewer of this kind installed beside this package.
        kind: Of viewer; a name among the entry points ``hcs.viewers``.
        title: Of the window of a viewer that is started.
        persistent: Whether a viewer that is started outlives this process.
        on_port_conflict: ``"next"`` lets a viewer that is started take the next free ports if another program
            has this one, and all who ask for this port find it there; ``"error"`` does not.
        start: Whether to start a viewer where none runs; if not, images are kept until there is one.
        wait: Whether to wait until the viewer is ready; if not, images sent meanwhile are kept and arrive.
        timeout: Seconds to wait for that.
        overflow: What becomes of images when a viewer does not keep up: ``"spill"`` to disk, ``"block"`` or
            ``"block(seconds)"``, ``"drop_oldest"``, ``"latest"``; else ``$HCS_OVERFLOW``, else spill.
        compression: Of pixels on their way to a viewer that cannot read this process's memory: ``"zstd"``,
            ``"lz4"``, ``"none"``, or ``"auto"``, which is zstd to other machines and none on this one; else
            ``$HCS_COMPRESSION``, else auto. A viewer that cannot decompress gets them as they are.

    Raises:
        ValueError: There is no such overflow policy, compression or port, or the host has a port with it.
        ViewerNotInstalledError: No viewer runs, and there is none to start.
        PortTakenError: Another program has the port, and a viewer may have no other.
        ViewerStartError: A viewer was started and did not become ready.
        ViewerStalledError: The viewer that runs does not answer, or none runs and none was to be started.
        HandshakeRefusedError: The viewer does not want this worker.
        ConnectionFileError: The file of another machine's viewer is not here.
        TunnelError: Ssh does not lead to the viewer; the text says what helps.
    """
    host = ssh_host(ssh, host)
    policy = Overflow.of(overflow or os.environ.get(OVERFLOW) or Overflow())
    compression = check_compression(compression or os.environ.get(COMPRESSION, "").strip() or "auto")
    ports = _ports(data_port)
    deadline = time.monotonic() + timeout
    orders = [
        Order(
            data_port=port,
            host=host,
            title=title,
            persistent=persistent,
            viewer_command=viewer_command,
            kind=kind,
            on_port_conflict=on_port_conflict,
        )
        for port in ports
    ]
    for order in orders if start or host not in LOCAL_HOSTS else []:
        start_of(order)
    for order in orders if wait else []:
        left = max(1.0, deadline - time.monotonic())
        wait_until_ready(order, timeout=left, may_start=start)
    holdings = process_holdings(lambda: Holdings(_new_pool, _new_spill_pool))
    publishers = [join_publisher((host, port), partial(_publisher, holdings, host, port)) for port in ports]
    stream = Stream(
        publishers,
        holdings,
        hcs_shm.ArrayWriter(),
        run=run or default_run(),
        display=display,
        leave=leave_publisher,
        overflow=policy,
        compression=compression,
    )
    for publisher in publishers:
        publisher.start()
    for publisher in publishers if wait else []:
        opened = publisher.wait_until_open(max(1.0, deadline - time.monotonic()))
        if not opened and publisher.refusal:
            stream.close(0)
            raise HandshakeRefusedError(publisher.refusal)
    return stream


def ssh_host(ssh: str | None, host: str) -> str:
    """Return the host under which a viewer is found, from what somebody said of ssh and host.

    Raises:
        InvalidPortError: The host has a port with it.
        TunnelError: It is no name of a machine.
    """
    if ssh is not None:
        return str(ssh_place(ssh, None if host in LOCAL_HOSTS else host))
    if is_ssh(host):
        return str(ssh_place(host))
    if found := WITH_PORT.fullmatch(host):
        name, port = found[1] or "localhost", found[2]
        raise InvalidPortError(
            f"wanted the name of a machine, such as {name!r}, got {host!r}: its port is said apart, "
            f"data_port={port}, napari_port={port} or --port {port}"
        )
    return host


def _ports(data_port: int | Sequence[int] | None) -> list[int]:
    if data_port is None:
        return [default_data_port()]
    ports = [data_port] if isinstance(data_port, int) else list(dict.fromkeys(data_port))
    if not 0 < len(ports) <= MAX_DESTINATIONS:
        raise ValueError(f"wanted from 1 to {MAX_DESTINATIONS} data ports, got {data_port!r}")
    return [check_data_port(port) for port in ports]


def _publisher(holdings: Holdings, host: str, data_port: int) -> Publisher:
    return Publisher(
        _finder(data_port, host),
        holdings,
        label=f"{host}:{data_port}",
        is_gone=is_gone,
        started=await_exit,
    )


def new_orphans() -> OrphanFinder:
    """Return what finds images that workers of this machine left when they ended."""
    return hcs_shm.Orphans()


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


def _new_spill_pool() -> hcs_shm.SpillPool | None:
    try:
        return hcs_shm.SpillPool()
    except (PoolFullError, OSError) as error:
        logger.warning("no disk to spill to: %s", error)
        return None


def _parent_of_worker() -> int | None:
    multiprocessing = sys.modules.get("multiprocessing")  # a worker of a pool has imported it
    parent = multiprocessing and multiprocessing.parent_process()
    return parent.pid if parent else None


def _finder(data_port: int, host: str) -> Callable[[], Connection | None]:
    def find() -> Connection | None:
        viewer = look_for_viewer(data_port, host)
        return viewer.connection if viewer else None

    return find
