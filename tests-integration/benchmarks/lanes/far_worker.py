"""Our producer, as if on another machine: no viewer can read its memory, and pixels go as frames."""

import sys
from importlib import import_module

import hcs_stream
from hcs_protocol import ImageSpec

from .commands import Answer, serve
from .far_images import far_images
from .open_sockets import leave_sockets_open
from .operations import Operation, Send, SendLent
from .our_worker import Worker
from .pixels import SIZES

# By name: these are no part of what the package offers, and imports are checked.
holdings = import_module("hcs_stream._holdings")
compression = import_module("hcs_stream._compression")


class FarWorker(Worker):
    """Has one stream, and the operations ``send`` and ``lent``."""

    def __init__(self, size: str, content: str) -> None:
        super().__init__(size)
        self._images = far_images(size, content)

    def connect_far(self, host: str, data_port: int, compression: str) -> Answer:
        """Open the stream."""
        stream = hcs_stream.connect(
            host=host, data_port=data_port, overflow="block", compression=compression, start=False
        )
        self._streams["far"] = stream
        operations: dict[str, Operation] = {
            "send": Send(stream, self._images),
            "lent": SendLent(stream, self._size, self._images),
        }
        self._operations |= operations
        return {}

    def compress_as(self, compression: str) -> Answer:
        """Have what is sent from now on compressed another way."""
        self._streams["far"].compression = compression
        return {}

    def ratio(self, codec: str) -> Answer:
        """Say how many times smaller an image becomes."""
        image = next(self._images)
        spec = ImageSpec(shape=SIZES[self._size], dtype="uint16")
        compressed = compression.compress(memoryview(image).cast("B"), spec, codec)
        return {"ratio": image.nbytes / len(compressed) if compressed else 1.0}


def main() -> None:
    """Be a worker that sends such images of this size, with secured or open sockets."""
    size, security, content = sys.argv[1:]
    if security == "open":
        leave_sockets_open()
    holdings.Holdings.offer = None
    worker = FarWorker(size, content)
    names = ("connect_far", "compress_as", "ratio", "send", "flush", "counters")
    serve({name: getattr(worker, name) for name in names})
    worker.close()


if __name__ == "__main__":
    main()
