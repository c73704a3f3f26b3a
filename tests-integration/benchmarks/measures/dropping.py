"""How much worse the slowest sends to a frozen viewer are under `drop_oldest` than other sends."""

from contextlib import ExitStack

from lanes.pixels import SLOTS
from lanes.places import Places

from .extent import GAPS, Extent
from .ours import ENDINGS, OurViewer, OurWorker, count_lost
from .report import Report


def measure_dropping(report: Report, places: Places, extent: Extent) -> None:
    """Note ``drop_oldest_p99_x_put``, and that all that was not adopted was dropped by that policy."""
    for security, ending in ENDINGS.items():
        with ExitStack() as children:
            viewer = OurViewer(places, children, security)
            worker = OurWorker(places, children, "8mb", security=security)
            worker.connect("one", viewer, overflow="drop_oldest")
            worker.send("send one", extent.warm_up)
            puts, drops = _puts_and_drops(viewer, worker, extent)
            worker.child.ask("flush", stream="one")
            counters = worker.child.ask("counters", stream="one")
            lost = count_lost(counters["published"] - sum(counters["dropped"].values()), [viewer])
        report.compare_tails(f"drop_oldest_p99_x_put{ending}", drops, puts)
        report.count(f"drop_oldest_lost{ending}", lost)
        report.note(f"put 8mb, drop_oldest{ending}", puts)
        report.note(f"send 8mb to a frozen viewer, drop_oldest{ending}", drops)


def _puts_and_drops(viewer: OurViewer, worker: OurWorker, extent: Extent) -> tuple[list[float], list[float]]:
    puts: list[float] = []
    drops: list[float] = []
    for _ in range(extent.pairs):
        worker.child.ask("flush", stream="one")
        puts += worker.timed("send one", count=extent.tail, gap=GAPS["8mb"])[0].seconds
        viewer.child.freeze()
        worker.send("send one", 2 * SLOTS["8mb"])  # then the pool is full
        drops += worker.timed("send one", count=extent.tail, gap=GAPS["8mb"])[0].seconds
        viewer.child.thaw()
    return puts, drops
