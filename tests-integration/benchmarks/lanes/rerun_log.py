"""Rerun: the log call, over gRPC to its server; what the server wrote is read and checked."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rerun
from rerun.chunk import RrdReader

from .commands import Answer, serve_as
from .pixels import SLOTS, Pixels, check, mark, rotating, size_nbytes

LOOK_SECONDS = 0.01


class Producer:
    """Logs images; each call of `send` is a recording of its own."""

    def __init__(self, port: str, size: str) -> None:
        self._port = int(port)
        self._sources = rotating(size, at_least=2 * SLOTS[size])
        self._recordings: list[rerun.RecordingStream] = []

    def send(self, first: int, count: int) -> Answer:
        """Log so many images."""
        self._await_server()
        recording = rerun.RecordingStream("transport")
        recording.connect_grpc(f"rerun+http://127.0.0.1:{self._port}/proxy")
        began, calls = time.monotonic_ns(), []
        for number in range(first, first + count):
            source = next(self._sources)
            mark(source, number)
            called = time.monotonic_ns()
            recording.set_time("number", sequence=number)
            recording.log("image", rerun.Image(source))
            calls.append(time.monotonic_ns() - called)
        recording.flush()
        recording.disconnect()
        return {"began": began, "calls": calls}

    def _await_server(self) -> None:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port)):
                return
            time.sleep(LOOK_SECONDS)


class Consumer:
    """Runs Rerun's server, which saves what comes in to a file, and reads the images from there."""

    def __init__(self, port: str, size: str) -> None:
        self._port = port
        self._nbytes = size_nbytes(size)
        self._file = Path(os.environ["HCS_SHM_DIR"], f"rerun-{port}.rrd")

    def take(self, first: int, count: int) -> Answer:
        """Take so many images in."""
        self._file.unlink(missing_ok=True)
        with subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=sys.stderr) as server:
            while not self._has(count):
                time.sleep(LOOK_SECONDS)
            while self._read(first) < count:
                time.sleep(LOOK_SECONDS)  # the last of them is not whole yet
            ended = time.monotonic_ns()
            server.send_signal(signal.SIGINT)
        return {"ended": ended}

    def _command(self) -> list[str]:
        program = Path(sys.executable).with_name("rerun")
        return [str(program), "--save", str(self._file), "--bind", "127.0.0.1", "--port", self._port]

    def _has(self, count: int) -> bool:
        return self._file.exists() and self._file.stat().st_size >= count * self._nbytes

    def _read(self, first: int) -> int:
        found = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the file has no index before its end is written
            for chunk in RrdReader(str(self._file)).stream():
                for pixels in _images(chunk):
                    check(pixels, first + found)
                    found += 1
        return found


def _images(chunk: Any) -> Iterator[Pixels]:
    """Copy out the images of a chunk."""
    if chunk.entity_path == "/image":
        batch = chunk.to_record_batch()
        for row in batch.column(batch.schema.names.index("Image:buffer")):
            yield row.values[0].values.to_numpy().view(np.uint16).copy()


if __name__ == "__main__":
    serve_as(Producer, Consumer)
