"""Whoever reaches the ports, and connects a thousand times, says nothing, or far too much."""

import contextlib
import resource
import socket
import struct
from collections.abc import Callable, Iterator

import psutil
import pytest
import zmq
from fuzz.peer import Peer
from fuzz.target import Places, Target, running_viewer

from hcs_protocol import Connection, Ping, encode, endpoint

from .knocking import CURVE_GREETING, PATIENCE_MILLISECONDS, Keys, callers, is_hung_up_on, is_let_in

pytestmark = pytest.mark.long  # it keeps the machine busy

MANY = min(1500, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
WORKERS, STARTS = 64, 3
MOST_WAITING, WAITING_PART = 256, 8
CHUNK = bytes(1 << 20)
MOST_MB = 200.0
"""Far below what was sent; a gate that looks fifty times a second lets some of it through."""
Wait = Callable[[Callable[[], bool]], None]

needs_tcp_info = pytest.mark.skipif(
    not hasattr(socket, "TCP_INFO"), reason="only Linux says how much a connection has said"
)


@contextlib.contextmanager
def workers(connection: Connection, count: int) -> Iterator[list[zmq.SyncSocket]]:
    """Connect the sockets of so many workers in one moment; yields those that can ask."""
    keys = Keys.of(connection)
    with zmq.Context(io_threads=2) as context, contextlib.ExitStack() as stack:
        found = []
        for kind, port in [(zmq.PUB, connection.data_port), (zmq.DEALER, connection.control_port)] * count:
            each = stack.enter_context(context.socket(kind))
            each.linger = 0
            each.curve_serverkey = keys.server.encode()
            each.curve_publickey, each.curve_secretkey = keys.public.encode(), keys.secret.encode()
            each.connect(endpoint(connection.host, port))
            found.append(each)
        yield found[1::2]


def descriptors(target: Target) -> int:
    return psutil.Process(target.process.pid).num_fds()


@needs_tcp_info
@pytest.mark.parametrize("port", ["data_port", "control_port"])
def test_a_thousand_silent_callers_are_held_to_a_few_hundred(
    target: Target, peer: Peer, wait_for: Wait, port: str
) -> None:
    connection = target.connection
    before = descriptors(target)

    with callers(connection.host, getattr(connection, port), MANY):
        wait_for(lambda: descriptors(target) <= before + MOST_WAITING)
        peer.ping()
        assert is_let_in(connection.host, connection.control_port, zmq.DEALER, Keys.of(connection))

    wait_for(lambda: descriptors(target) <= before + 10)
    assert "too many wait" in target.log.read_text()


@needs_tcp_info
@pytest.mark.parametrize("port", ["data_port", "control_port"])
def test_a_huge_frame_before_the_handshake_takes_no_memory(target: Target, peer: Peer, port: str) -> None:
    connection = target.connection
    before = target.resident_mb
    with socket.create_connection((connection.host, getattr(connection, port)), timeout=50) as caller:
        caller.sendall(CURVE_GREETING + b"\x06" + struct.pack(">Q", 4 << 30))
        with contextlib.suppress(ConnectionError):
            for _ in range(4 << 10):
                caller.sendall(CHUNK)
        sent_all = target.resident_mb - before

        assert is_hung_up_on(caller)

    assert sent_all < MOST_MB
    peer.settle()


def test_who_says_half_a_greeting_and_waits_is_hung_up_on(target: Target) -> None:
    connection = target.connection
    with socket.create_connection((connection.host, connection.control_port), timeout=50) as caller:
        caller.sendall(CURVE_GREETING[:20])

        assert is_hung_up_on(caller)


@needs_tcp_info
def test_a_viewer_without_descriptors_lives_on_and_says_why(places: Places, wait_for: Wait) -> None:
    with running_viewer(places, descriptors=96) as target:
        connection = target.connection
        before = descriptors(target)
        with callers(connection.host, connection.control_port, 200):
            wait_for(lambda: "too many wait" in target.log.read_text())
            wait_for(lambda: descriptors(target) <= before + 96 // WAITING_PART)
            with Peer(connection) as peer:
                peer.settle()

        assert not target.unhandled


@needs_tcp_info
def test_many_workers_that_start_at_once_are_all_let_in(places: Places, wait_for: Wait) -> None:
    with running_viewer(places) as target:
        before = descriptors(target)
        for _ in range(STARTS):
            with workers(target.connection, WORKERS) as asking:
                for each in asking:
                    each.send_multipart([b"", encode(Ping(id="1"))])
                assert all(each.poll(PATIENCE_MILLISECONDS) and each.recv_multipart() for each in asking)
                wait_for(lambda: descriptors(target) >= before + 2 * WORKERS)
            wait_for(lambda: descriptors(target) <= before + 10)

        assert "refused" not in target.log.read_text()


def test_peers_beyond_the_limit_are_refused_and_others_stay(places: Places, wait_for: Wait) -> None:
    with running_viewer(places, descriptors=128) as target, contextlib.ExitStack() as stack:
        connection = target.connection
        first = stack.enter_context(Peer(connection))
        first.settle()
        context = stack.enter_context(zmq.Context())
        keys = Keys.of(connection)
        for _ in range(100):
            knocking = stack.enter_context(context.socket(zmq.DEALER))
            knocking.linger = 0
            knocking.curve_serverkey = keys.server.encode()
            knocking.curve_publickey, knocking.curve_secretkey = keys.public.encode(), keys.secret.encode()
            knocking.connect(f"tcp://{connection.host}:{connection.control_port}")

        wait_for(lambda: "too many peers" in target.log.read_text())
        first.ping()
        assert not target.unhandled


def test_who_knocks_is_answered_while_the_store_is_full(places: Places, wait_for: Wait) -> None:
    with running_viewer(places, full=True) as target:
        connection = target.connection

        for port, kind in ((connection.data_port, zmq.PUB), (connection.control_port, zmq.DEALER)):
            assert is_let_in(connection.host, port, kind, Keys.of(connection))
            assert not is_let_in(connection.host, port, kind, Keys.of_a_stranger(connection))
