"""Somebody at a port, without the right key or without any."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import zmq

from hcs_protocol import Connection, endpoint

PATIENCE_MILLISECONDS = 50_000
REFUSED = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_DISCONNECTED
SIGNATURE = b"\xff" + bytes(8) + b"\x7f"
CURVE_GREETING = SIGNATURE + b"\x03\x01" + b"CURVE".ljust(20, b"\x00") + bytes(32)


@dataclass(frozen=True)
class Keys:
    """What somebody knocks with."""

    server: str
    public: str
    secret: str

    @classmethod
    def of(cls, connection: Connection) -> "Keys":
        """Return the right ones."""
        return cls(connection.public_key, connection.client_public_key, connection.client_secret_key)

    @classmethod
    def of_a_stranger(cls, connection: Connection) -> "Keys":
        """Return some that are no client's, though the viewer's own key is known."""
        public, secret = zmq.curve_keypair()
        return cls(connection.public_key, public.decode(), secret.decode())


def is_let_in(host: str, port: int, kind: int, keys: Keys | None) -> bool:
    """Knock, say something, and say whether it came through."""
    with zmq.Context() as context, context.socket(kind) as knocking:
        knocking.linger = 0
        if keys:
            knocking.curve_serverkey = keys.server.encode()
            knocking.curve_publickey, knocking.curve_secretkey = keys.public.encode(), keys.secret.encode()
        with knocking.get_monitor_socket() as monitor:
            knocking.connect(endpoint(host, port))
            while monitor.poll(PATIENCE_MILLISECONDS):
                event = int.from_bytes(monitor.recv_multipart()[0][:2], "little")
                if event & (REFUSED | zmq.EVENT_HANDSHAKE_SUCCEEDED):
                    knocking.disable_monitor()
                    return event == zmq.EVENT_HANDSHAKE_SUCCEEDED
    raise AssertionError("nothing came of it")


@contextlib.contextmanager
def callers(host: str, port: int, count: int) -> Iterator[list[socket.socket]]:
    """Open so many connections that say nothing."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection((host, port), timeout=50)) for _ in range(count)]


def is_hung_up_on(caller: socket.socket) -> bool:
    """Wait for the end of a connection; whatever comes before it is skipped."""
    with contextlib.suppress(ConnectionError):
        while caller.recv(1 << 16):
            pass
    return True
