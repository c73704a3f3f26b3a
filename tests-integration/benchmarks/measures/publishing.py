"""What publishing costs a pipeline that has pauses, and how soon an array is in the viewer."""

import statistics
from contextlib import ExitStack

from lanes.children import Child, start
from lanes.places import Places, free_port

from .extent import GAPS, Extent
from .ours import ENDINGS, OurPair, Spans
from .report import Report


def measure_puts(report: Report, places: Places, extent: Extent) -> None:
    """Note ``put_SIZE_x_memcpy`` and ``reader_view_SIZE_x_memcpy``."""
    for security, ending in ENDINGS.items():
        for size in extent.flood:
            with ExitStack() as children:
                pair = OurPair(places, children, size, security)
                _puts_of(pair, report, extent, ending)


def measure_lent(report: Report, places: Places, extent: Extent) -> None:
    """Note what sending a lent array costs, and latencies."""
    for security, ending in ENDINGS.items():
        with ExitStack() as children:
            large = Lending(places, children, extent, "8mb", security)
            small = Lending(places, children, extent, "256kb", security)
            for turn in range(extent.pairs):
                for lending in (large, small) if turn % 2 else (small, large):
                    lending.measure(extent.paced, backwards=bool(turn % 2))
        images = extent.pairs * extent.paced
        report.compare(f"latency_lent_8mb_x_256kb{ending}", large.latency, small.latency, images)
        for lending, of in ((large, ""), (small, "_256kb")):
            lending.note(report, of, ending, images)


def _puts_of(pair: OurPair, report: Report, extent: Extent, ending: str) -> None:
    """Measure some puts, then as many copies, and the other way round: no copy comes between two puts."""
    medians: dict[str, list[float]] = {"put": [], "memcpy": [], "view": []}
    pair.warm_up(extent.warm_up)
    for turn in range(extent.pairs):
        for operation in ("memcpy", "put") if turn % 2 else ("put", "memcpy"):
            seconds = _some_puts(pair, extent) if operation == "put" else _some_copies(pair, extent)
            medians[operation].append(statistics.median(seconds))
        medians["view"].append(statistics.median(_some_views(pair, extent)))
    images = extent.pairs * extent.paced
    report.compare(f"put_{pair.size}_x_memcpy{ending}", medians["put"], medians["memcpy"], images)
    report.compare(f"reader_view_{pair.size}_x_memcpy{ending}", medians["view"], medians["memcpy"], images)
    for name, seconds in medians.items():
        report.note(f"{name} {pair.size}{ending}", seconds)


def _some_puts(pair: OurPair, extent: Extent) -> list[float]:
    pair.viewer.child.tell("take", count=extent.paced)
    spans = pair.worker.timed("send one", count=extent.paced, gap=GAPS[pair.size])[0]
    pair.viewer.child.hear()
    return spans.seconds


def _some_copies(pair: OurPair, extent: Extent) -> list[float]:
    return pair.worker.timed("memcpy", count=extent.paced, gap=GAPS[pair.size])[0].seconds


def _some_views(pair: OurPair, extent: Extent) -> list[float]:
    """Return what opening a block took the viewer while images came one after the other."""
    pair.viewer.child.tell("take", count=extent.paced)
    pair.worker.send("send one", extent.paced)
    return Spans(pair.viewer.child.hear()["opened"]).seconds


class Lending:
    """A worker that sends lent arrays to a viewer, and bare messages to a bare subscriber."""

    def __init__(self, places: Places, children: ExitStack, extent: Extent, size: str, security: str) -> None:
        self.pair = OurPair(places, children, size, security)
        self.pair.warm_up(extent.warm_up)
        self._subscriber = _bare_subscriber(places, children, self.pair.worker.child, security)
        self.publish: list[float] = []
        self.bare_send: list[float] = []
        self.latency: list[float] = []
        self.bare_latency: list[float] = []

    def measure(self, count: int, *, backwards: bool) -> None:
        """Measure one pair; medians of each are kept."""
        viewer = self.pair.viewer.child
        for child in (viewer, self._subscriber):
            child.tell("take", count=count)
        operations = ("publish one", "bare zmq") if backwards else ("bare zmq", "publish one")
        spans = self.pair.worker.timed(*operations, count=count, gap=GAPS[self.pair.size])
        lent, bare = spans if backwards else spans[::-1]
        opened = [ended for _, ended in viewer.hear()["opened"]]
        arrived = self._subscriber.hear()["arrived"]
        for kept, seconds in (
            (self.publish, lent.seconds),
            (self.bare_send, bare.seconds),
            (self.latency, lent.until(opened)),
            (self.bare_latency, bare.until(arrived)),
        ):
            kept.append(statistics.median(seconds))

    def note(self, report: Report, of: str, ending: str, images: int) -> None:
        """Note the ratios.

        Args:
            report: Where to.
            of: What the keys of this size have in them.
            ending: What the keys of this security end in.
            images: How many there were.
        """
        size = self.pair.size
        report.compare(f"publish_lent{of}_x_bare_send{ending}", self.publish, self.bare_send, images)
        report.compare(f"latency_lent_{size}_x_bare_zmq{ending}", self.latency, self.bare_latency, images)
        for name in ("publish", "bare_send", "latency", "bare_latency"):
            report.note(f"{name.replace('_', ' ')} {size}{ending}", getattr(self, name))


def _bare_subscriber(places: Places, children: ExitStack, worker: Child, security: str) -> Child:
    port = free_port()
    subscriber = start(children, "bare_headers", port, security, log=places.log)
    worker.ask("connect_bare", name="zmq", port=port, key=subscriber.ask("key")["key"], stream="one")
    subscriber.tell("await_greeting")
    while not subscriber.has_said(0.01):  # what a PUB says first may be lost
        worker.ask("greet_bare", name="zmq")
    subscriber.hear()
    return subscriber
