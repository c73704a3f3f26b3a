"""Our producer: a pipeline's streams, and in the same process what they are compared with."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hcs_shm
import hcs_stream

from .bare_headers import Publisher, header
from .commands import Answer, serve
from .disk_writes import PlainWrite, Spill
from .open_sockets import leave_sockets_open
from .operations import AddOne, AddOneLent, MemoryCopy, Operation, Send, SendHeader, SendLent, timed
from .pixels import rotating, size_nbytes

LARGE = "8mb"
COMMANDS = (
    "connect",
    "connect_bare",
    "greet_bare",
    "write_disk",
    "add_one",
    "send",
    "timed",
    "flush",
    "counters",
    "copies",
)


class CountingWriter(hcs_shm.ArrayWriter):
    """Counts how often pixels are copied."""

    copies = 0

    def start(self, array: object, pixels: memoryview) -> Any:
        """Copy an array, or begin to."""
        CountingWriter.copies += 1
        return super().start(array, pixels)


class Worker:
    """Has streams, and by their names operations: ``send STREAM``, ``lent STREAM`` and others."""

    def __init__(self, size: str) -> None:
        self._size = size
        self._sources = rotating(size)
        self._streams: dict[str, hcs_stream.Stream] = {}
        self._publishers: dict[str, Publisher] = {}
        self._operations: dict[str, Operation] = {"memcpy": MemoryCopy(size)}

    def connect(self, stream: str, data_ports: Sequence[int], overflow: str) -> Answer:
        """Open a stream to the viewers of these ports."""
        connected = hcs_stream.connect(data_port=list(data_ports), overflow=overflow)
        self._streams[stream] = connected
        self._operations[f"send {stream}"] = Send(connected, self._sources)
        self._operations[f"lent {stream}"] = SendLent(connected, self._size, self._sources)
        return {}

    def connect_bare(self, name: str, port: int, key: str | None, stream: str) -> Answer:
        """Open a bare publisher to this port; its messages are the operation ``bare NAME``.

        They are compared with ``publish STREAM``: lent arrays, with caches as cold whatever the size.
        """
        publisher = self._publishers[name] = Publisher(port, key)
        work = MemoryCopy(LARGE)
        self._operations[f"bare {name}"] = SendHeader(publisher.send, header(self._size), work)
        more = work if size_nbytes(self._size) < size_nbytes(LARGE) else None
        connected = self._streams[stream]
        self._operations[f"publish {stream}"] = SendLent(connected, self._size, self._sources, more)
        return {}

    def greet_bare(self, name: str) -> Answer:
        """Let a bare publisher say something."""
        self._publishers[name].greet()
        return {}

    def write_disk(self, folder: str) -> Answer:
        """Make the operations ``spill`` and ``pwrite``, both in this folder."""
        self._operations |= {
            "spill": Spill(Path(folder), self._size),
            "pwrite": PlainWrite(Path(folder), self._size),
        }
        return {}

    def add_one(self, stream: str) -> Answer:
        """Make the operations ``add one`` and ``add one, lent``, which go over as much memory."""
        self._operations |= {
            "add one": AddOne(self._size, self._sources),
            "add one, lent": AddOneLent(self._streams[stream], self._size, self._sources),
        }
        return {}

    def send(self, first: int, count: int, operation: str) -> Answer:
        """Send so many images as fast as they go."""
        sending = self._operations[operation]
        began = time.monotonic_ns()
        for number in range(first, first + count):
            sending.prepare(number)
            sending.run(number)
        return {"began": began}

    def timed(self, operations: Sequence[str], first: int, count: int, gap: float) -> Answer:
        """Do these in turn, at a pipeline's pace; returns their times by their names."""
        chosen = [self._operations[name] for name in operations]
        return dict(zip(operations, timed(chosen, first, count, gap), strict=True))

    def flush(self, stream: str) -> Answer:
        """Return when everything is adopted."""
        self._streams[stream].flush(60.0)
        return {}

    def counters(self, stream: str) -> Answer:
        """Return the stream's counters."""
        counters = self._streams[stream].counters
        return {name: getattr(counters, name) for name in ("published", "adopted", "spilled", "dropped")}

    def copies(self) -> Answer:
        """Say how often pixels were copied so far."""
        return {"copies": CountingWriter.copies}

    def close(self) -> None:
        """Close the streams."""
        for stream in self._streams.values():
            stream.close(5.0)


def main() -> None:
    """Be a worker that sends images of this size, with secured or open sockets."""
    size, security = sys.argv[1:]
    if security == "open":
        leave_sockets_open()
    hcs_shm.ArrayWriter = CountingWriter  # type: ignore[misc]  # where `connect` finds it
    worker = Worker(size)
    serve({name: getattr(worker, name) for name in COMMANDS})
    worker.close()


if __name__ == "__main__":
    main()
