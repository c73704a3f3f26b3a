"""Sockets that a viewer lets in, made from its connection file."""

import contextlib
import os
import threading

import zmq

from hcs_protocol import MAX_REPLY_NBYTES, Connection, ConnectionFileError, endpoint

from ._background import can_give_way

HEARTBEAT_MILLISECONDS = 500
CONNECT_MILLISECONDS = 2000  # the system itself would try more and more seldom, on a link that was away
TIMEOUT_MILLISECONDS = (
    30_000  # a ping waits behind a large frame; beats tell sooner whether the viewer is there
)

DESCRIPTORS, THREADS = 16, 4
"""More than a context and its first socket need."""

_contexts: dict[int, "zmq.Context[zmq.SyncSocket]"] = {}  # by process: a forked child leaves its parent's


def process_context() -> "zmq.Context[zmq.SyncSocket]":
    """Return the ZeroMQ context of this process.

    Raises:
        OSError: Hardly a file descriptor is free.
        RuntimeError: Hardly a thread can be started.
    """
    pid = os.getpid()
    if pid not in _contexts:
        check_room()
        _contexts[pid] = context = zmq.Context()
        if can_give_way():  # libzmq aborts where it may not
            context.set(zmq.THREAD_SCHED_POLICY, os.SCHED_BATCH)
    return _contexts[pid]


def check_room() -> None:
    """See to it that a context can begin: where it gets no descriptor or thread, libzmq ends the process.

    Raises:
        OSError: Hardly a file descriptor is free.
        RuntimeError: Hardly a thread can be started.
    """
    over = threading.Event()
    with contextlib.ExitStack() as undo:
        for _ in range(DESCRIPTORS):
            undo.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        undo.callback(over.set)
        for _ in range(THREADS):
            thread = threading.Thread(target=over.wait)
            thread.start()


def control_socket(connection: Connection) -> zmq.SyncSocket:
    """Connect a DEALER to a viewer's control port.

    Raises:
        ConnectionFileError: What its file says of address and keys is of no use.
    """
    return _client(connection, zmq.DEALER, connection.control_port)


def data_socket(connection: Connection) -> zmq.SyncSocket:
    """Connect a PUB to a viewer's data port.

    Raises:
        ConnectionFileError: As of `control_socket`.
    """
    return _client(connection, zmq.PUB, connection.data_port)


def _client(connection: Connection, kind: int, port: int) -> zmq.SyncSocket:
    socket = process_context().socket(kind)
    try:
        _connect(socket, connection, port)
    except zmq.ZMQError as error:
        socket.close(0)
        where = endpoint(connection.host, port)
        raise ConnectionFileError(
            f"viewer {connection.title!r} cannot be reached at {where}: {error}"
        ) from error
    return socket


def _connect(socket: zmq.SyncSocket, connection: Connection, port: int) -> None:
    socket.linger = 0
    socket.set_hwm(0)  # credit bounds what is under way; marks lose images silently
    socket.maxmsgsize = MAX_REPLY_NBYTES
    socket.ipv6 = ":" in connection.host
    socket.connect_timeout = CONNECT_MILLISECONDS
    socket.heartbeat_ivl = HEARTBEAT_MILLISECONDS
    socket.heartbeat_timeout = TIMEOUT_MILLISECONDS
    socket.heartbeat_ttl = (
        TIMEOUT_MILLISECONDS  # after which the viewer hangs up, who has no heartbeats itself
    )
    if connection.is_secure:
        socket.curve_serverkey = connection.public_key.encode()
        socket.curve_publickey = connection.client_public_key.encode()
        socket.curve_secretkey = connection.client_secret_key.encode()
    socket.connect(endpoint(connection.host, port))
