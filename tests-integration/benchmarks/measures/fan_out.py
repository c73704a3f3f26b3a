"""One worker and several viewers: what each further one costs, and what one that is frozen does."""

import statistics
from contextlib import ExitStack

from lanes.places import Places

from .extent import Extent
from .ours import ENDINGS, OurViewer, OurWorker, count_lost
from .report import Report

SIZE = "8mb"
GAP = 0.015
"""Seconds between two images: three viewers on two cores have adopted one before the next comes."""


class FanOut:
    """A worker with a user's default memory and policy, and streams to one, two and three viewers."""

    def __init__(self, places: Places, children: ExitStack, extent: Extent, security: str) -> None:
        self.viewers = [OurViewer(places, children, security) for _ in range(3)]
        self.worker = OurWorker(places, children, SIZE, security=security, as_many_slots=False)
        self.extent = extent
        for count, stream in enumerate(("one", "two", "three"), start=1):
            self.worker.connect(stream, *self.viewers[:count], overflow="spill")
            self.worker.send(f"send {stream}", extent.warm_up)

    def medians(self, first: str, second: str) -> tuple[list[float], list[float]]:
        """Send by these two streams in turn; returns the medians of each pair."""
        medians: dict[str, list[float]] = {first: [], second: []}
        for turn in range(self.extent.pairs):
            streams = (first, second) if turn % 2 else (second, first)
            names = [f"send {stream}" for stream in streams]
            times = self.worker.timed(*names, count=self.extent.paced, gap=GAP)
            for stream, spans in zip(streams, times, strict=True):
                medians[stream].append(statistics.median(spans.seconds))
        return medians[first], medians[second]

    def copies_per_image(self) -> float:
        """Return how often the pixels of an image to three viewers are copied."""
        before = self._copies()
        self.worker.send("send three", self.extent.paced)
        return (self._copies() - before) / self.extent.paced

    def fill_memory(self) -> int:
        """Send to all three until something is spilled; return how many images that were."""
        for sent in range(1, 1000):
            self.worker.send("send three", 1)
            if self.counters()["spilled"]:
                return sent
        return 0

    def counters(self) -> dict[str, int]:
        """Return what became of all images, counted for each viewer that they were for."""
        return self.worker.child.ask("counters", stream="three")

    def lost(self) -> int:
        """Wait for everything; return how many images did not reach a viewer that they were for."""
        self.worker.child.ask("flush", stream="three")
        return count_lost(self.counters()["published"], self.viewers)

    def _copies(self) -> int:
        return int(self.worker.child.ask("copies")["copies"])


def measure_fan_out(report: Report, places: Places, extent: Extent) -> None:
    """Note ``send_to_3_viewers_x_1``, ``pixel_copies`` and ``frozen_third_x_two``."""
    for security, ending in ENDINGS.items():
        with ExitStack() as children:
            fan_out = FanOut(places, children, extent, security)
            _compare(report, fan_out, f"send_to_3_viewers_x_1{ending}", "one")
            report.count(f"pixel_copies{ending}", fan_out.copies_per_image())
            fan_out.viewers[2].child.freeze()
            _compare(report, fan_out, f"frozen_third_x_two{ending}", "two")
            fan_out.fill_memory()
            _compare(report, fan_out, f"frozen_third_spilling_x_two{ending}", "two")
            fan_out.viewers[2].child.thaw()
            report.count(f"frozen_third_lost{ending}", fan_out.lost())
            report.count(f"frozen_third_spilled{ending}", fan_out.counters()["spilled"])


def _compare(report: Report, fan_out: FanOut, key: str, fewer: str) -> None:
    """Note a ratio of sends to three viewers and to fewer."""
    three, others = fan_out.medians("three", fewer)
    report.compare(key, three, others, len(three) * fan_out.extent.paced)
    report.note(f"{key}: three", three)
    report.note(f"{key}: {fewer}", others)
