"""What streaming costs a step that does next to nothing."""

from contextlib import ExitStack

from lanes.places import Places

from .ours import OurViewer, OurWorker
from .pipeline_extent import PipelineExtent
from .report import Report

SIZE = "8mb"
FORGETFUL = "forgetful_viewer"


def measure_trivial_step(report: Report, places: Places, extent: PipelineExtent) -> None:
    """Note ``trivial_step_slowdown``: adding one into lent arrays that are sent, and into others.

    Both go over as much memory, more than caches hold. The viewer keeps nothing.
    """
    lent: list[float] = []
    plain: list[float] = []
    with ExitStack() as children:
        viewer = OurViewer(places, children, module=FORGETFUL)
        worker = OurWorker(places, children, SIZE, as_many_slots=False)
        worker.connect("one", viewer)
        worker.child.ask("add_one", stream="one")
        for operation in ("add one, lent", "add one"):
            worker.timed(operation, count=extent.trivial, gap=0.0)
        for turn in range(extent.trivial_pairs):
            for operation in ("add one", "add one, lent") if turn % 2 else ("add one, lent", "add one"):
                spans = worker.timed(operation, count=extent.trivial, gap=0.0)[0]
                worker.child.ask("flush", stream="one")
                (lent if "lent" in operation else plain).append(spans.extent / extent.trivial)
        counters = worker.child.ask("counters", stream="one")
        lost = counters["published"] - counters["adopted"]
    images = extent.trivial * extent.trivial_pairs
    report.compare("trivial_step_slowdown", lent, plain, images)
    report.count("trivial_step_images", counters["published"])
    report.count("trivial_step_lost", lost)
    report.note("add one into a lent array and send it", lent)
    report.note("add one into an array", plain)
