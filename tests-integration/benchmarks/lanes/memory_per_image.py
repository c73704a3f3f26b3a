"""The standard library's way: a new `SharedMemory` for each image, unlinked by who read it."""

import time
from functools import cached_property
from multiprocessing import resource_tracker
from multiprocessing.connection import Client, Connection, Listener
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from .commands import Answer, serve_as
from .pixels import SIZES, SLOTS, Pixels, check, mark, rotating


class Producer:
    """Makes one per image, copies and closes."""

    def __init__(self, address: str, size: str) -> None:
        self._address = address
        self._sources = rotating(size)
        self._slots = self._free = SLOTS[size]

    @cached_property
    def _connection(self) -> "Connection[bytes, bytes]":
        return Client(self._address, "AF_UNIX")

    def send(self, first: int, count: int) -> Answer:
        """Send so many images, no more under way than there are slots elsewhere."""
        began = time.monotonic_ns()
        for number in range(first, first + count):
            if not self._free:
                self._await_one()
            source = next(self._sources)
            mark(source, number)
            self._send(source)
        while self._free < self._slots:
            self._await_one()
        return {"began": began}

    def _send(self, source: Pixels) -> None:
        memory = SharedMemory(create=True, size=source.nbytes)
        np.copyto(_pixels(memory, source.size), source.reshape(-1))
        memory.close()
        resource_tracker.unregister(f"/{memory.name}", "shared_memory")  # the consumer unlinks it
        self._connection.send_bytes(memory.name.encode())
        self._free -= 1

    def _await_one(self) -> None:
        self._connection.recv_bytes()
        self._free += 1


class Consumer:
    """Attaches, copies out, checks, closes, unlinks."""

    def __init__(self, address: str, size: str) -> None:
        self._listener = Listener(address, "AF_UNIX")
        rows, columns = SIZES[size]
        self._count = rows * columns

    @cached_property
    def _connection(self) -> "Connection[bytes, bytes]":
        return self._listener.accept()

    def take(self, first: int, count: int) -> Answer:
        """Take so many images in."""
        for number in range(first, first + count):
            check(self._copy_out(self._connection.recv_bytes().decode()), number)
            self._connection.send_bytes(b"")
        return {"ended": time.monotonic_ns()}

    def _copy_out(self, name: str) -> Pixels:
        memory = SharedMemory(name)
        copied = _pixels(memory, self._count).copy()
        memory.close()
        memory.unlink()
        return copied


def _pixels(memory: SharedMemory, count: int) -> Pixels:
    """Look at its pixels; it cannot be closed while somebody does."""
    assert memory.buf is not None
    return np.frombuffer(memory.buf, np.uint16, count)


if __name__ == "__main__":
    serve_as(Producer, Consumer)
