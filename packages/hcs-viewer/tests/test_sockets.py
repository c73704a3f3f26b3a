import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from subprocess import PIPE, Popen

import pytest
import zmq

from hcs_protocol import CONTROL_OFFSET, NoFreePortsError
from hcs_viewer import _sockets
from hcs_viewer._callers import WAITING_NBYTES, Caller, Looked
from hcs_viewer._gate import _seen
from hcs_viewer._sockets import Keys, Sockets

HOST = "127.0.0.1"
FIRST_PORT = 21555
PATIENCE_MILLISECONDS = 10_000
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(20, b"\x00") + bytes(32)
NULL_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\x00") + bytes(32)
LISTENER = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    sys.stdin.read()
"""
HUGE_COMMAND = b"\x06\x00\x00\x00\x00\xff\xff\xff\xff"

Connect = Callable[..., zmq.SyncSocket]
InAThread = Callable[[Callable[[], None]], threading.Thread]


@pytest.fixture
def keys() -> Keys:
    return Keys.new()


@pytest.fixture
def sockets(keys: Keys) -> Iterator[Sockets]:
    """Bound sockets, which nobody polls."""
    sockets = Sockets(keys, HOST, FIRST_PORT, next_free=True)
    yield sockets
    sockets.close()


@pytest.fixture
def no_descriptor() -> Iterator[Callable[[], None]]:
    """Let this process have no further descriptor from now on, until the test is over."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    def limit() -> None:
        os.close(lowest := os.dup(0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def refused(client: zmq.SyncSocket) -> bool:
    """Say whether the server ended the handshake, or the client found that it cannot begin one."""
    monitor = client.get_monitor_socket()
    events = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_DISCONNECTED
    while monitor.poll(PATIENCE_MILLISECONDS):
        event = int.from_bytes(monitor.recv_multipart()[0][:2], "little")
        if event & (events | zmq.EVENT_HANDSHAKE_SUCCEEDED):
            return bool(event & events)
    return False


def test_a_holder_of_the_client_key_is_let_in(sockets: Sockets, keys: Keys, connect: Connect) -> None:
    pair = {"public": keys.client_public, "secret": keys.client_secret}
    client = connect(zmq.DEALER, sockets.control_port, server=keys.public, **pair)

    client.send_multipart([b"", b"hello"])

    assert sockets.control.poll(PATIENCE_MILLISECONDS)
    assert sockets.control.recv_multipart()[1:] == [b"", b"hello"]


def test_a_frame_may_be_as_long_as_the_largest_image_though_it_is_encrypted(
    keys: Keys, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sockets, "MAX_FRAME_NBYTES", 1 << 16)
    sockets = Sockets(keys, HOST, FIRST_PORT, next_free=True)
    pair = {"public": keys.client_public, "secret": keys.client_secret}
    client = connect(zmq.PUB, sockets.data_port, server=keys.public, **pair)

    while not sockets.data.poll(10):  # what is sent before it is connected is nobody's
        client.send_multipart([b"{}", bytes(1 << 16)])

    assert len(sockets.data.recv_multipart()[1]) == 1 << 16
    sockets.close()


@pytest.mark.parametrize("channel", ["data_port", "control_port"])
def test_a_strangers_key_is_refused(sockets: Sockets, keys: Keys, connect: Connect, channel: str) -> None:
    public, secret = zmq.curve_keypair()
    port = getattr(sockets, channel)

    stranger = connect(zmq.DEALER, port, server=keys.public, public=public, secret=secret)

    assert refused(stranger)


@pytest.mark.parametrize("channel", ["data_port", "control_port"])
def test_a_peer_without_a_key_is_refused(sockets: Sockets, connect: Connect, channel: str) -> None:
    assert refused(connect(zmq.DEALER, getattr(sockets, channel)))


def test_the_log_says_that_a_key_is_the_wrong_one(
    sockets: Sockets, keys: Keys, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    pair = dict(zip(("public", "secret"), zmq.curve_keypair(), strict=True))

    assert refused(connect(zmq.DEALER, sockets.control_port, server=keys.public, **pair))

    assert "peer=127.0.0.1 reason=its key is not the one in the connection file" in caplog.text


@pytest.mark.parametrize(
    ("has_keys", "greeting", "said"),
    [(True, NULL_GREETING, "it does not encrypt"), (False, GREETING, "it encrypts")],
)
def test_the_log_says_that_one_side_alone_encrypts(
    keys: Keys, caplog: pytest.LogCaptureFixture, has_keys: bool, greeting: bytes, said: str
) -> None:
    sockets = Sockets(keys if has_keys else None, HOST, FIRST_PORT, next_free=True)
    with socket.create_connection((HOST, sockets.control_port)) as caller:
        caller.sendall(greeting)

        while said not in caplog.text:
            sockets.control.poll(10)

    sockets.close()


def test_a_peer_that_gives_a_password_is_refused(sockets: Sockets, connect: Connect) -> None:
    peer = connect(zmq.DEALER, sockets.control_port)
    peer.disconnect(peer.last_endpoint)
    peer.plain_username, peer.plain_password = b"root", b"root"

    peer.connect(f"tcp://{HOST}:{sockets.control_port}")

    assert refused(peer)


def test_without_keys_everybody_is_let_in(connect: Connect) -> None:
    sockets = Sockets(None, HOST, FIRST_PORT, next_free=True)
    client = connect(zmq.DEALER, sockets.control_port)

    client.send_multipart([b"", b"hello"])

    assert sockets.control.poll(PATIENCE_MILLISECONDS)
    assert sockets.control.recv_multipart()[1:] == [b"", b"hello"]
    sockets.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux says how much a connection has said")
def test_who_says_much_before_the_handshake_is_hung_up_on(sockets: Sockets) -> None:
    address, patience = (HOST, sockets.data_port), PATIENCE_MILLISECONDS / 1000
    with contextlib.suppress(ConnectionError), socket.create_connection(address, timeout=patience) as caller:
        caller.sendall(GREETING + HUGE_COMMAND + bytes(2 * WAITING_NBYTES))
        while caller.recv(1000):
            pass


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux says how much a connection has said")
def test_so_is_who_does_over_the_newer_protocol(keys: Keys) -> None:
    try:
        sockets = Sockets(keys, "::1", FIRST_PORT, next_free=True)
    except NoFreePortsError:
        pytest.skip("there is no IPv6 here")
    address, patience = ("::1", sockets.data_port), PATIENCE_MILLISECONDS / 1000
    with contextlib.suppress(ConnectionError), socket.create_connection(address, timeout=patience) as caller:
        caller.sendall(GREETING + HUGE_COMMAND + bytes(2 * WAITING_NBYTES))
        while caller.recv(1000):
            pass
    sockets.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux says how much a connection has said")
def test_so_is_who_took_the_last_descriptor(
    sockets: Sockets, caplog: pytest.LogCaptureFixture, no_descriptor: Callable[[], None]
) -> None:
    address, patience = (HOST, sockets.data_port), PATIENCE_MILLISECONDS / 1000
    with contextlib.suppress(ConnectionError), socket.create_connection(address, timeout=patience) as caller:
        assert caller.recv(1)  # it was accepted
        no_descriptor()
        caller.sendall(GREETING + HUGE_COMMAND + bytes(2 * WAITING_NBYTES))
        while caller.recv(1000):
            pass

    assert "says more than a handshake" in caplog.text  # else it was ZeroMQ, whose patience ended


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="Windows has no such limit")
def test_they_can_be_closed_while_nobody_can_be_accepted(
    keys: Keys, caplog: pytest.LogCaptureFixture, no_descriptor: Callable[[], None]
) -> None:
    sockets = Sockets(keys, HOST, FIRST_PORT, next_free=True)
    with socket.socket() as caller:
        no_descriptor()
        caller.connect((HOST, sockets.data_port))
        while "no descriptor is free" not in caplog.text:
            sockets.data.poll(10)

        sockets.close()


def test_a_system_that_does_not_say_how_much_was_said_lets_nobody_wait() -> None:
    with socket.socket() as connection:
        seen = _seen(OlderSystem(connection), Caller(5555, 3, "10.0.0.9"), outside_nbytes=80)

    assert seen == Looked("10.0.0.9", 0, is_let_in=True)


class OlderSystem:
    """A connection of which less is told."""

    def __init__(self, connection: socket.socket) -> None:
        self.fileno = connection.fileno

    def getsockopt(self, *_: int) -> bytes:
        return bytes(104)


def test_the_secret_keys_are_not_shown(keys: Keys) -> None:
    assert keys.public.decode() in repr(keys)
    assert keys.secret.decode() not in repr(keys)
    assert keys.client_secret.decode() not in repr(keys)


def test_data_and_control_port_go_together(sockets: Sockets) -> None:
    assert sockets.control_port == sockets.data_port + CONTROL_OFFSET


@pytest.mark.parametrize("taken", ["data_port", "control_port"])
def test_a_taken_port_is_refused_and_named(sockets: Sockets, keys: Keys, taken: str) -> None:
    wanted = sockets.data_port if taken == "data_port" else sockets.control_port

    with pytest.raises(NoFreePortsError, match=rf"port {wanted} or {wanted + 1000} is taken"):
        Sockets(keys, HOST, wanted)


def test_if_the_control_port_is_taken_the_data_port_is_given_up(sockets: Sockets, keys: Keys) -> None:
    wanted = sockets.data_port - CONTROL_OFFSET

    with pytest.raises(NoFreePortsError):
        Sockets(keys, HOST, wanted)

    with socket.create_server((HOST, wanted)) as listener:
        assert listener.getsockname() == (HOST, wanted)


@pytest.mark.skipif(sys.platform == "darwin", reason="only its administrator is told")
def test_who_wants_the_ports_is_not_named_among_those_that_have_them(keys: Keys) -> None:
    with Popen([sys.executable, "-c", LISTENER], stdin=PIPE, stdout=PIPE) as other:
        assert other.stdout
        port = int(other.stdout.readline()) - CONTROL_OFFSET

        with pytest.raises(NoFreePortsError, match=rf"is taken by '[^']+', process {other.pid};"):
            Sockets(keys, HOST, port)


def test_the_next_free_pair_is_taken(sockets: Sockets, keys: Keys) -> None:
    second = Sockets(keys, HOST, sockets.data_port, next_free=True)
    found = second.data_port
    second.close()

    assert found > sockets.data_port


def test_an_address_of_another_machine_is_not_called_a_taken_port(keys: Keys) -> None:
    with pytest.raises(NoFreePortsError, match=r"cannot listen on '192\.0\.2\.1'"):
        Sockets(keys, "192.0.2.1", FIRST_PORT)


def test_a_bell_is_heard_once_per_ring(keys: Keys) -> None:
    sockets = Sockets(keys, HOST, FIRST_PORT, next_free=True)
    ring = sockets.bell_rope()

    ring()
    ring()

    assert [sockets.bell.poll(PATIENCE_MILLISECONDS), sockets.bell.recv(), sockets.bell.recv()] == [
        1,
        b"",
        b"",
    ]
    sockets.close()


def test_ringing_after_the_viewer_closed_is_harmless(keys: Keys) -> None:
    sockets = Sockets(keys, HOST, FIRST_PORT, next_free=True)
    ring = sockets.bell_rope()

    sockets.close()
    sockets.close()
    ring()

    assert sockets.context.closed


def test_closing_waits_for_who_rings(
    keys: Keys, in_a_thread: InAThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets = Sockets(keys, HOST, FIRST_PORT, next_free=True)
    ring, rings, may_end = sockets.bell_rope(), threading.Event(), threading.Event()

    def send(sender: zmq.SyncSocket, data: bytes, flags: int = 0) -> None:
        if sender.type != zmq.PUSH:
            really_send(sender, data, flags)
            return
        rings.set()
        may_end.wait()

    really_send = zmq.Socket.send

    monkeypatch.setattr(zmq.Socket, "send", send)
    in_a_thread(ring)
    rings.wait()

    closer = in_a_thread(sockets.close)

    closer.join(0.2)
    assert closer.is_alive()  # else ZeroMQ would end the process now and then
    may_end.set()
    closer.join()
    assert sockets.context.closed
