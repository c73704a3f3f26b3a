"""Somebody between a peer with the key and the viewer, who changes, or writes down, what the peer says."""

import contextlib
import random
import select
import socket
import threading

import msgspec

from hcs_protocol import Connection

from .inputs import Frames
from .peer import NoAnswerError, Peer

HANDSHAKE_NBYTES = 700
"""So much may pass before something is changed; sometimes less."""
CHUNK_NBYTES = 4096
LOOK_SECONDS = 0.2


class Meddler:
    """Passes connections on to one port, and changes bytes on their way to it, or writes them down."""

    def __init__(
        self, chance: random.Random | None, host: str, port: int, heard: bytearray | None = None
    ) -> None:
        """Begin.

        Args:
            chance: What decides what is changed; None changes nothing.
            host: Where the viewer is.
            port: One of its ports.
            heard: Takes what is said to it.
        """
        self._chance = chance
        self._heard = bytearray() if heard is None else heard
        self._keeps = heard is not None
        self._there = host, port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.changed = 0
        self.is_spoiling = False
        """Whether to change all that comes from now on."""
        self.ended = 0
        """Connections that are over."""
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="meddler", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Pass nothing on any more."""
        self._is_over = True
        self._thread.join()
        self._listening.close()

    def _run(self) -> None:
        while not self._is_over:
            if select.select([self._listening], [], [], LOOK_SECONDS)[0]:
                near, _ = self._listening.accept()
                with near, socket.create_connection(self._there) as far, contextlib.suppress(OSError):
                    self._pass_on(near, far)
                self.ended += 1

    def _pass_on(self, near: socket.socket, far: socket.socket) -> None:
        passed, harmless = 0, self._chance.randrange(2 * HANDSHAKE_NBYTES) if self._chance else 0
        while not self._is_over:
            for ready in select.select([near, far], [], [], LOOK_SECONDS)[0]:
                data = ready.recv(CHUNK_NBYTES)
                if not data:
                    return
                if ready is near:
                    passed += len(data)
                    if self.is_spoiling or (self._chance and passed > harmless):
                        data = self._change(data, self._chance or random.Random(passed))
                    if self._keeps:
                        self._heard += data
                    far.sendall(data)
                else:
                    near.sendall(data)

    def _change(self, data: bytes, chance: random.Random) -> bytes:
        self.changed += 1
        changed = bytearray(data)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        return bytes(changed)


def send_through(connection: Connection, chance: random.Random, messages: list[Frames]) -> int:
    """Send messages to a viewer past meddlers; returns how many were changed on their way."""
    meddlers = [
        Meddler(chance, connection.host, port) for port in (connection.data_port, connection.control_port)
    ]
    data, control = meddlers
    seen = msgspec.structs.replace(connection, data_port=data.port, control_port=control.port)
    try:
        with Peer(seen, patience_milliseconds=50) as peer:
            with contextlib.suppress(NoAnswerError):
                peer.open_session()
            for frames in messages:
                peer.send_data([frames])
                peer.send_control([frames])
            with contextlib.suppress(NoAnswerError):
                peer.ping()
    finally:
        for meddler in meddlers:
            meddler.close()
    return sum(meddler.changed for meddler in meddlers)
