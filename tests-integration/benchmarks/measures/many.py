"""Eight workers, one viewer: is every image there?"""

from contextlib import ExitStack

from lanes.places import Places

from .extent import Extent
from .ours import OurViewer, OurWorker, count_lost
from .report import Report

WORKERS = 8


def measure_many(report: Report, places: Places, extent: Extent) -> None:
    """Note ``eight_workers_lost``: published, and neither checked in the viewer nor dropped by a policy."""
    with ExitStack() as children:
        viewer = OurViewer(places, children)
        sizes = ("256kb", "8mb") * (WORKERS // 2)
        workers = [OurWorker(places, children, size, as_many_slots=False) for size in sizes]
        for worker in workers:
            worker.connect("one", viewer, overflow="spill")
        for worker in workers:
            worker.child.tell("send", operation="send one", first=1, count=extent.many)
        for worker in workers:
            worker.child.hear()
            worker.child.ask("flush", stream="one")
        expected = 0
        for worker in workers:
            counters = worker.child.ask("counters", stream="one")
            expected += counters["published"] - sum(counters["dropped"].values())
        lost = count_lost(expected, [viewer])
    report.count("eight_workers_lost", lost)
    report.count("eight_workers_images", WORKERS * extent.many)
