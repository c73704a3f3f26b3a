"""Sockets that a viewer lets in, made from its connection file."""

import os

import zmq

from hcs_protocol import MAX_REPLY_NBYTES, Connection, endpoint

from ._background import can_give_way

HEARTBEAT_MILLISECONDS = 500
CONNECT_MILLISECONDS = 2000  # the system itself would try more and more seldom, on a link that was away
TIMEOUT_MILLISECONDS = (
    30_000  # a ping waits behind a large frame; beats tell sooner whether the viewer is there
)

_contexts: dict[int, "zmq.Context[zmq.SyncSocket]"] = {}  # by process: a forked child leaves its parent's


def process_context() -> "zmq.Context[zmq.SyncSocket]":
    """Return the ZeroMQ context of this process."""
    pid = os.getpid()
    if pid not in _contexts:
        _contexts[pid] = context = zmq.Context()
        if can_give_way():  # libzmq aborts where it may not
            context.set(zmq.THREAD_SCHED_POLICY, os.SCHED_BATCH)
    return _contexts[pid]


def control_socket(connection: Connection) -> zmq.SyncSocket:
    """Connect a DEALER to a viewer's control port."""
    socket = _client(connection, zmq.DEALER)
    socket.maxmsgsize = MAX_REPLY_NBYTES
    socket.connect(endpoint(connection.host, connection.control_port))
    return socket


def data_socket(connection: Connection) -> zmq.SyncSocket:
    """Connect a PUB to a viewer's data port."""
    socket = _client(connection, zmq.PUB)
    socket.connect(endpoint(connection.host, connection.data_port))
    return socket


def _client(connection: Connection, kind: int) -> zmq.SyncSocket:
    socket = process_context().socket(kind)
    socket.linger = 0
    socket.set_hwm(0)  # credit bounds what is under way; marks lose images silently
    socket.ipv6 = ":" in connection.host
    socket.connect_timeout = CONNECT_MILLISECONDS
    socket.heartbeat_ivl = HEARTBEAT_MILLISECONDS
    socket.heartbeat_timeout = TIMEOUT_MILLISECONDS
    if connection.is_secure:
        socket.curve_serverkey = connection.public_key.encode()
        socket.curve_publickey = connection.client_public_key.encode()
        socket.curve_secretkey = connection.client_secret_key.encode()
    return socket
