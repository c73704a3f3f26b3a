"""ZeroMQ alone: messages of our headers' bytes, published and subscribed to over TCP on this machine."""

import sys
import time

import zmq

from hcs_protocol import (
    Batch,
    BlockRef,
    Components,
    ImageAddress,
    ImageReady,
    ImageSpec,
    Step,
    encode,
    new_id,
)

from .commands import Answer, serve
from .pixels import SIZES, size_nbytes

GREETING = b"hello"
ADDRESS = "tcp://127.0.0.1:{port}"

context: zmq.Context[zmq.SyncSocket] = zmq.Context()


def header(size: str) -> bytes:
    """Return what a stream sends for an image with the keywords of `operations.KEYWORDS`."""
    ref = BlockRef(segment="hcs-12345-0a1b2c3d", offset=1 << 24, nbytes=size_nbytes(size), generation=100)
    components = Components(plate="P1", well="B03", site=1, channel="DAPI", timepoint=1000)
    address = ImageAddress(run="12345-6789012", step=Step(index=1, name="blur"), components=components)
    spec = ImageSpec(shape=SIZES[size], dtype="uint16")
    ready = ImageReady(sequence=1000, address=address, spec=spec, pixels=ref)
    return encode(Batch(session=new_id(), oldest=999, items=[ready], sent_at=time.time()))


class Publisher:
    """Sends to a `Subscriber`; connects, as our workers do."""

    def __init__(self, port: int, server_key: str | None) -> None:
        """Connect.

        Args:
            port: Of the subscriber.
            server_key: Its public key; without one, nothing is encrypted.
        """
        self._socket = context.socket(zmq.PUB)
        self._socket.set_hwm(0)
        if server_key is not None:
            self._socket.curve_publickey, self._socket.curve_secretkey = zmq.curve_keypair()
            self._socket.curve_serverkey = server_key.encode()
        self._socket.connect(ADDRESS.format(port=port))
        self.send = self._socket.send

    def greet(self) -> None:
        """Say what a subscriber does not count: what a PUB says first may be lost."""
        self._socket.send(GREETING)


class Subscriber:
    """Listens, as our viewers do, and notes when each message was there."""

    def __init__(self, port: int, *, secured: bool) -> None:
        self._socket = context.socket(zmq.SUB)
        self._socket.set_hwm(0)
        self._key = ""
        if secured:
            public, self._socket.curve_secretkey = zmq.curve_keypair()
            self._socket.curve_server = True
            self._key = public.decode()
        self._socket.subscribe(b"")
        self._socket.bind(ADDRESS.format(port=port))

    def key(self) -> Answer:
        """Return the public key, None if nothing is encrypted."""
        return {"key": self._key or None}

    def await_greeting(self) -> Answer:
        """Return when the publisher is heard."""
        self._socket.recv()
        return {}

    def take(self, count: int) -> Answer:
        """Take so many messages in; says when each was there."""
        arrived: list[int] = []
        while len(arrived) < count:
            if self._socket.recv() != GREETING:
                arrived.append(time.monotonic_ns())
        return {"arrived": arrived}


if __name__ == "__main__":
    subscriber = Subscriber(int(sys.argv[1]), secured=sys.argv[2] == "secured")
    serve({"key": subscriber.key, "await_greeting": subscriber.await_greeting, "take": subscriber.take})
