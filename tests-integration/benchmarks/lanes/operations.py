"""What a worker does again and again at a pipeline's pace, and what it is compared with, in one process."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from hcs_stream import Stream

from .pixels import SIZES, Pixels, mark, rotated, rotating

KEYWORDS: dict[str, Any] = {
    "plate": "P1",
    "well": "B03",
    "site": 1,
    "channel": "DAPI",
    "step": (1, "blur"),
}


class Operation(Protocol):
    """One thing to time."""

    def prepare(self, number: int) -> None:
        """Do what a pipeline does before it; not timed."""

    def run(self, number: int) -> None:
        """Do it; timed."""


class MemoryCopy:
    """The base: copy an image in private memory."""

    def __init__(self, size: str) -> None:
        self._sources, self._targets = rotating(size), rotating(size)

    def prepare(self, number: int) -> None:
        """Choose the next source and target."""
        self._source, self._target = next(self._sources), next(self._targets)
        mark(self._source, number)

    def run(self, number: int) -> None:
        """Copy."""
        np.copyto(self._target, self._source)


class Send:
    """Send an array, whose pixels the stream copies."""

    def __init__(self, stream: Stream, sources: Iterator[Pixels]) -> None:
        self._stream, self._sources = stream, sources

    def prepare(self, number: int) -> None:
        """Number the next source."""
        self._source = next(self._sources)
        mark(self._source, number)

    def run(self, number: int) -> None:
        """Send it."""
        self._stream.send(self._source, timepoint=number, **KEYWORDS)


class SendLent:
    """Send an array that the stream lent, into which the pipeline computed."""

    def __init__(
        self, stream: Stream, size: str, sources: Iterator[Pixels], work: MemoryCopy | None = None
    ) -> None:
        self._stream, self._shape, self._sources, self._work = stream, SIZES[size], sources, work

    def prepare(self, number: int) -> None:
        """Have an array lent and fill it, after other work if there is any."""
        if self._work:
            self._work.prepare(number)
            self._work.run(number)
        self._lent = self._stream.lend(self._shape, np.uint16)
        np.copyto(self._lent, next(self._sources))
        mark(self._lent, number)

    def run(self, number: int) -> None:
        """Send it."""
        self._stream.send(self._lent, timepoint=number, **KEYWORDS)


class AddOne:
    """A step that adds one, into arrays that rotate."""

    def __init__(self, size: str, sources: Iterator[Pixels]) -> None:
        self._sources, self._targets = sources, rotating(size)

    def prepare(self, number: int) -> None:
        """Choose the next source."""
        self._source = next(self._sources)

    def run(self, number: int) -> None:
        """Add."""
        np.add(self._source, 1, out=next(self._targets))


class AddOneLent:
    """A step that adds one, into an array that the stream lent, and sends it.

    So many arrays are kept for a while that they rotate over as much memory as those of `AddOne`: the blocks
    of the last image would be in the cache.
    """

    def __init__(self, stream: Stream, size: str, sources: Iterator[Pixels]) -> None:
        self._stream, self._shape, self._sources = stream, SIZES[size], sources
        self._kept: deque[object] = deque(maxlen=rotated(size) - 1)

    def prepare(self, number: int) -> None:
        """Choose the next source."""
        self._source = next(self._sources)

    def run(self, number: int) -> None:
        """Have an array lent, add into it, and send it."""
        lent = self._stream.lend(self._shape, np.uint16)
        np.add(self._source, 1, out=lent)
        self._stream.send(lent, timepoint=number, **KEYWORDS)
        self._kept.append(lent)


class SendHeader:
    """Send bytes, after work on as much memory as `SendLent` has worked on then."""

    def __init__(self, send: Callable[[bytes], object], header: bytes, work: MemoryCopy) -> None:
        self._send, self._header, self._work = send, header, work

    def prepare(self, number: int) -> None:
        """Work on an image."""
        self._work.prepare(number)
        self._work.run(number)

    def run(self, number: int) -> None:
        """Send."""
        self._send(self._header)


class Pipeline:
    """Computes in NumPy: the interpreter's lock is free, the core is not, its caches are used."""

    def __init__(self) -> None:
        self._image = np.ones((512, 512), np.float32)
        self._result = np.empty_like(self._image)

    def work(self, seconds: float) -> None:
        """Compute for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            np.sqrt(self._image, out=self._result)


def timed(operations: Sequence[Operation], first: int, count: int, gap: float) -> list[list[tuple[int, int]]]:
    """Do each of these in turn, so many times, after work each; returns when they began and ended.

    Args:
        operations: What to do.
        first: The first image's number.
        count: How often to do each.
        gap: Seconds of work before each, in which the consumer keeps up.
    """
    pipeline = Pipeline()
    times: list[list[tuple[int, int]]] = [[] for _ in operations]
    for number in range(first, first + count):
        for operation, noted in zip(operations, times, strict=True):
            pipeline.work(gap)
            operation.prepare(number)
            began = time.monotonic_ns()
            operation.run(number)
            noted.append((began, time.monotonic_ns()))
    return times
