"""Somebody whom the viewer lets in, and who says what it must refuse."""

import contextlib
from collections.abc import Iterable
from typing import Self, TypeVar

import zmq

from hcs_protocol import (
    PROTOCOL_VERSION,
    Connection,
    Heard,
    Hello,
    MalformedMessageError,
    Message,
    Open,
    Ping,
    Pong,
    SegmentOffer,
    Welcome,
    decode,
    encode,
    endpoint,
    new_id,
)

from .inputs import Frames

MessageT = TypeVar("MessageT", bound=Message)

ANSWER_MILLISECONDS = 60_000
OPEN_MILLISECONDS = 5
HEARTBEAT_MILLISECONDS, GONE_MILLISECONDS = 500, 8000
"""As a worker has them; after the latter the viewer hangs up."""


class NoAnswerError(Exception):
    """The viewer does not answer any more."""


class Peer:
    """A worker's two sockets at one viewer."""

    def __init__(self, connection: Connection, patience_milliseconds: int = ANSWER_MILLISECONDS) -> None:
        self._patience = patience_milliseconds
        self._context: zmq.Context[zmq.SyncSocket] = zmq.Context()
        self._control = self._socket(connection, zmq.DEALER, connection.control_port)
        self._data = self._socket(connection, zmq.PUB, connection.data_port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=0)

    def open_session(self) -> str:
        """Say Hello until the data channel is heard; returns the session."""
        offer = SegmentOffer(name="hcs-1-deadbeef", folder="/etc")
        hello = Hello(id=new_id(), protocol_version=PROTOCOL_VERSION, worker_run=new_id(), segment=offer)
        self._control.send_multipart([b"", encode(hello)])
        while (welcome := self._await(Welcome)).reply_to != hello.id:
            pass
        self._hear(welcome.session)
        return welcome.session

    def send_data(self, messages: Iterable[Frames]) -> int:
        """Send on the data channel; returns how many."""
        return sum(self._send(self._data, frames) for frames in messages)

    def send_control(self, messages: Iterable[Frames]) -> int:
        """Send on the control channel; returns how many."""
        return sum(self._send(self._control, [b"", *frames]) for frames in messages)

    def send_bare(self, messages: Iterable[Frames]) -> int:
        """Send on the control channel without what REQ puts first; returns how many."""
        return sum(self._send(self._control, frames) for frames in messages)

    def settle(self) -> None:
        """Wait until everything that was sent has been looked at.

        Raises:
            NoAnswerError: It never was.
        """
        self.open_session()
        self.ping()

    def ping(self) -> Pong:
        """Return how things stand."""
        request = new_id()
        self._control.send_multipart([b"", encode(Ping(id=request))])
        while (pong := self._await(Pong)).reply_to != request:
            pass
        return pong

    def _hear(self, session: str) -> None:
        for _ in range(self._patience // OPEN_MILLISECONDS):
            self._data.send(encode(Open(session=session)))
            while self._control.poll(OPEN_MILLISECONDS):
                match self._receive():
                    case Heard(session=heard) if heard == session:
                        return
        raise NoAnswerError("the data channel is not heard")

    def _await(self, wanted: type[MessageT]) -> MessageT:
        while self._control.poll(self._patience):
            if isinstance(message := self._receive(), wanted):
                return message
        raise NoAnswerError(f"no {wanted.__name__}")

    def _receive(self) -> Message | None:
        _, *frames = self._control.recv_multipart()
        with contextlib.suppress(MalformedMessageError, IndexError):
            return decode(frames[0], limit=1 << 27)
        return None

    def _send(self, socket: zmq.SyncSocket, frames: Frames) -> int:
        socket.send_multipart(frames)
        while self._control.poll(0):
            self._control.recv_multipart(copy=False)
        return 1

    def _socket(self, connection: Connection, kind: int, port: int) -> zmq.SyncSocket:
        socket = self._context.socket(kind)
        socket.linger = 0
        socket.set_hwm(0)
        socket.heartbeat_ivl = HEARTBEAT_MILLISECONDS
        socket.heartbeat_timeout = socket.heartbeat_ttl = GONE_MILLISECONDS
        if connection.is_secure:
            socket.curve_serverkey = connection.public_key.encode()
            socket.curve_publickey = connection.client_public_key.encode()
            socket.curve_secretkey = connection.client_secret_key.encode()
        socket.connect(endpoint(connection.host, port))
        return socket
