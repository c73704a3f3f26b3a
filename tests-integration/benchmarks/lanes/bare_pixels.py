"""ZeroMQ alone: the pixels as a frame that is not copied on the way in, through a Unix socket."""

import time

import numpy as np
import zmq

from .commands import Answer, serve_as
from .pixels import SLOTS, check, mark, rotating

context: zmq.Context[zmq.SyncSocket] = zmq.Context()


class Producer:
    """Pushes."""

    def __init__(self, address: str, size: str) -> None:
        self._socket = context.socket(zmq.PUSH)
        self._socket.sndhwm = SLOTS[size] // 2
        self._socket.connect(f"ipc://{address}")
        self._sources = rotating(size, at_least=2 * SLOTS[size])

    def send(self, first: int, count: int) -> Answer:
        """Send so many images."""
        began = time.monotonic_ns()
        for number in range(first, first + count):
            source = next(self._sources)
            mark(source, number)
            self._socket.send(source, copy=False)
        return {"began": began}


class Consumer:
    """Pulls and copies out."""

    def __init__(self, address: str, size: str) -> None:
        self._socket = context.socket(zmq.PULL)
        self._socket.rcvhwm = SLOTS[size] // 2
        self._socket.bind(f"ipc://{address}")

    def take(self, first: int, count: int) -> Answer:
        """Take so many images in."""
        for number in range(first, first + count):
            frame = self._socket.recv(copy=False)
            check(np.frombuffer(frame.buffer, np.uint16).copy(), number)
        return {"ended": time.monotonic_ns()}


if __name__ == "__main__":
    serve_as(Producer, Consumer)
