"""ZeroMQ alone over TCP: pixels as a frame that is not copied on the way, and copied into an array there."""

import sys
import time

import numpy as np
import zmq

from .commands import Answer, serve
from .far_images import far_images
from .pixels import SIZES, SLOTS, Pixels, check, mark

context: zmq.Context[zmq.SyncSocket] = zmq.Context()


class Producer:
    """Pushes; connects, as our workers do."""

    def __init__(self, host: str, port: str, size: str, content: str) -> None:
        self._address, self._size = f"tcp://{host}:{port}", size
        self._images = far_images(size, content)

    def connect(self, key: str | None) -> Answer:
        """Connect to the consumer with this public key; without one, nothing is encrypted."""
        self._socket = context.socket(zmq.PUSH)
        self._socket.sndhwm = SLOTS[self._size] // 2
        if key is not None:
            self._socket.curve_publickey, self._socket.curve_secretkey = zmq.curve_keypair()
            self._socket.curve_serverkey = key.encode()
        self._socket.connect(self._address)
        return {}

    def send(self, first: int, count: int) -> Answer:
        """Send so many images."""
        began = time.monotonic_ns()
        for number in range(first, first + count):
            image = next(self._images)
            mark(image, number)
            self._socket.send(image, copy=False)
        return {"began": began}


class Consumer:
    """Pulls, and copies into arrays that are used again and again."""

    def __init__(self, host: str, port: str, size: str, security: str) -> None:
        self._socket = context.socket(zmq.PULL)
        self._socket.rcvhwm = SLOTS[size] // 2
        self._key: str | None = None
        if security == "secured":
            public, self._socket.curve_secretkey = zmq.curve_keypair()
            self._socket.curve_server = True
            self._key = public.decode()
        self._socket.bind(f"tcp://{host}:{port}")
        self._arrays: list[Pixels] = [np.ones(SIZES[size], np.uint16) for _ in range(SLOTS[size])]

    def key(self) -> Answer:
        """Return the public key, None if nothing is encrypted."""
        return {"key": self._key}

    def take(self, first: int, count: int) -> Answer:
        """Take so many images in."""
        for number in range(first, first + count):
            frame = self._socket.recv(copy=False)
            array = self._arrays[number % len(self._arrays)]
            np.copyto(array, np.frombuffer(frame.buffer, np.uint16).reshape(array.shape))
            check(array, number)
        return {"ended": time.monotonic_ns()}


def main() -> None:
    """Be what the command line says."""
    role, *arguments = sys.argv[1:]
    if role == "producer":
        producer = Producer(*arguments)
        serve({"connect": producer.connect, "send": producer.send})
    else:
        consumer = Consumer(*arguments)
        serve({"key": consumer.key, "take": consumer.take})


if __name__ == "__main__":
    main()
