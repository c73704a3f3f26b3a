"""A viewer that can be reached: ports, a connection file and the receiver's thread, closed in order."""

import contextlib
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

from hcs_protocol import (
    PROTOCOL_VERSION,
    BlockOpener,
    Connection,
    NoFreePortsError,
    OrphanFinder,
    find_free_pair,
    start_ticks,
    this_machine,
)

from ._connection_file import ConnectionFile
from ._inbox import Inbox, ToReceiver, ToWindow
from ._path_map import PathMap
from ._port_holders import is_let_go
from ._presence import Presence
from ._receiver import Receiver
from ._settings import ViewerSettings, is_every
from ._sockets import Keys, Sockets
from ._store import Store

logger = logging.getLogger(__name__)

CLOSING_SECONDS = 3.0
LOOK_SECONDS = 0.1


@contextlib.contextmanager
def listening(
    settings: ViewerSettings,
    *,
    blocks: BlockOpener,
    orphans: OrphanFinder,
    store: Store,
    to_window: Inbox[ToWindow],
    to_receiver: Inbox[ToReceiver],
    presence: Presence,
    owns_process: bool = True,
) -> Iterator[ViewerSettings]:
    """Be reachable for workers, and yield the settings with the ports that were free.

    Store, inboxes and presence may be used again for another time; blocks are closed with this one.

    Args:
        settings: Where to listen.
        blocks: Opens what workers lent.
        orphans: Finds what dead workers left.
        store: Takes in the images.
        to_window: Where the window is told of them; it need not read it yet.
        to_receiver: What the window answers.
        presence: What is said of the window.
        owns_process: Whether this process ends with the viewer.

    Raises:
        NoFreePortsError: The ports are taken.
        ConnectionFileError: No folder takes the connection file.
    """
    keys = None if settings.insecure else Keys.new()
    sockets = _bind(keys, settings)
    presence.state = "starting"  # while it is closing, as after the time before, nothing is taken in
    to_receiver.wake_by(sockets.bell_rope())
    path_map = PathMap.of(settings.path_map)
    receiver = Receiver(sockets, blocks, orphans, store, to_window, to_receiver, presence, path_map)
    thread = threading.Thread(target=receiver.run, name="hcs-receiver", daemon=True)
    try:
        with _connection_file(settings, sockets, keys, presence, owns_process=owns_process):
            thread.start()
            yield msgspec.structs.replace(settings, data_port=sockets.data_port)
    finally:
        presence.state = "closing"
        receiver.stop()
        if thread.is_alive():
            thread.join()
        blocks.close()
        sockets.close()
        to_receiver.wake_by(lambda: None)  # the bell is gone


def next_free(wanted: ViewerSettings) -> ViewerSettings:
    """Return the settings with a pair of ports that is free, as if that had been wanted.

    So a viewer that has the wanted ports keeps its pipelines: this one is found by its own port alone.

    Raises:
        NoFreePortsError: There is none.
    """
    data_port, _ = find_free_pair(wanted.data_port, lambda port: _is_free(wanted.bind, port))
    return msgspec.structs.replace(wanted, data_port=data_port)


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        if sys.platform != "win32":  # where it means something else
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as ZeroMQ does
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _bind(keys: Keys | None, settings: ViewerSettings) -> Sockets:
    """Bind the ports; a viewer that is closing gets the time to let go of them."""
    deadline = time.monotonic() + CLOSING_SECONDS
    while True:
        try:
            return Sockets(keys, settings.bind, settings.data_port)
        except NoFreePortsError:
            if time.monotonic() > deadline or not is_let_go(settings.data_port):
                if settings.next_free:
                    break
                raise
            time.sleep(LOOK_SECONDS)
    return Sockets(keys, settings.bind, settings.data_port, next_free=True)


@contextlib.contextmanager
def _connection_file(
    settings: ViewerSettings, sockets: Sockets, keys: Keys | None, presence: Presence, *, owns_process: bool
) -> Iterator[Path]:
    connection = Connection(
        protocol_version=PROTOCOL_VERSION,
        viewer_run=presence.viewer_run,
        title=presence.title,
        host=_host(sockets.bind),
        data_port=sockets.data_port,
        control_port=sockets.control_port,
        requested_port=settings.data_port,
        pid=os.getpid(),
        start_time=psutil.Process().create_time(),
        start_ticks=start_ticks(os.getpid()),
        machine=this_machine(),
        owns_process=owns_process,
        public_key=keys.public.decode() if keys else "",
        client_public_key=keys.client_public.decode() if keys else "",
        client_secret_key=keys.client_secret.decode() if keys else "",
    )
    with ConnectionFile(connection).written() as path:
        logger.info("listening data=%d control=%d file=%s", sockets.data_port, sockets.control_port, path)
        if not keys:
            logger.warning("insecure port=%d: everybody on this machine is let in", sockets.data_port)
        yield path


def _host(bind: str) -> str:
    """Return the address at which this machine's workers find the viewer; others know it by another one."""
    if is_every(bind):
        return "::1" if ":" in bind else "127.0.0.1"
    return bind
