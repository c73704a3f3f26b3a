"""Our worker and viewers as children."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from lanes.children import start
from lanes.lane import Lane
from lanes.places import Places, free_port

SECURED, OPEN = "secured", "open"
ENDINGS = {SECURED: "", OPEN: "_insecure"}
"""What the keys end in, by how the sockets are."""
NANOSECONDS = 1e9
PATIENCE_SECONDS, LOOK_SECONDS = 10.0, 0.01
"""For what stands in for the window: it checks after an image is adopted."""


@dataclass(frozen=True)
class Spans:
    """When things that happened one after another began and ended, in nanoseconds."""

    moments: Sequence[Sequence[int]]

    @property
    def seconds(self) -> list[float]:
        """How long each took."""
        return [(ended - began) / NANOSECONDS for began, ended in self.moments]

    @property
    def extent(self) -> float:
        """Seconds from the first beginning to the last end."""
        return (self.moments[-1][1] - self.moments[0][0]) / NANOSECONDS

    def until(self, arrived: Sequence[int]) -> list[float]:
        """Return the seconds from each beginning to what arrived for it."""
        pairs = zip(self.moments, arrived, strict=True)
        return [(moment - began) / NANOSECONDS for (began, _), moment in pairs]


class OurViewer:
    """A viewer without a window, and where it listens."""

    def __init__(
        self, places: Places, children: ExitStack, security: str = SECURED, *, module: str = "our_viewer"
    ) -> None:
        self.port = free_port()
        self.child = start(children, module, self.port, security, log=places.log, environ=places.environ())

    @property
    def checked(self) -> int:
        """How many images it checked."""
        return int(self.child.ask("checked")["checked"])


def count_lost(expected: int, viewers: Sequence[OurViewer]) -> int:
    """Return how many images, all of them adopted, these viewers do not come to check."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (lost := expected - sum(viewer.checked for viewer in viewers)) > 0 and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return lost


class OurWorker:
    """A worker whose images are numbered on and on."""

    def __init__(
        self,
        places: Places,
        children: ExitStack,
        size: str,
        *,
        security: str = SECURED,
        as_many_slots: bool = True,
    ) -> None:
        """Start it; with as many slots as peers have, or with what a user has by default."""
        environ = places.environ(size if as_many_slots else None)
        self.child = start(children, "our_worker", size, security, log=places.log, environ=environ)
        self._next = 1

    def connect(self, stream: str, *viewers: OurViewer, overflow: str = "block") -> None:
        """Open a stream to these viewers."""
        for viewer in viewers:
            viewer.child.wait_until_ready()  # or the worker would start one
        ports = [viewer.port for viewer in viewers]
        self.child.ask("connect", stream=stream, data_ports=ports, overflow=overflow)

    def send(self, operation: str, count: int) -> None:
        """Send so many images as fast as they go."""
        self.child.ask("send", operation=operation, first=self._next, count=count)
        self._next += count

    def timed(self, *operations: str, count: int, gap: float) -> list[Spans]:
        """Do these in turn at a pipeline's pace; returns their times, in the order of the operations."""
        first, self._next = self._next, self._next + count
        times = self.child.ask("timed", operations=operations, first=first, count=count, gap=gap)
        return [Spans(times[operation]) for operation in operations]


class OurPair:
    """One worker that sends to one viewer, and waits for it when the pool is full."""

    def __init__(self, places: Places, children: ExitStack, size: str, security: str = SECURED) -> None:
        self.size = size
        self.viewer = OurViewer(places, children, security)
        self.worker = OurWorker(places, children, size, security=security)

    def warm_up(self, count: int) -> None:
        """Connect, send so many images that do not count, lent ones too, and wait until they are checked."""
        self.worker.connect("one", self.viewer)
        for operation in ("send one", "lent one"):
            self.viewer.child.tell("take", count=count)
            self.worker.send(operation, count)
            self.viewer.child.hear()

    def lane(self, name: str, operation: str) -> Lane:
        """Return a lane of floods by this operation."""
        return Lane(name, self.worker.child, self.viewer.child, operation=operation)
