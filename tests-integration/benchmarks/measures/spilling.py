"""How much worse the slowest spills are than the slowest bare writes to the same folder."""

from contextlib import ExitStack

from lanes.places import Places

from .extent import Extent
from .ours import OurWorker
from .report import Report

GAP = 0.002


def measure_spilling(report: Report, places: Places, extent: Extent) -> None:
    """Note ``spill_p99_x_bare_pwrite``: p99 over p99 of single images of 8 MB, one after the other."""
    spills: list[float] = []
    writes: list[float] = []
    with ExitStack() as children:
        worker = OurWorker(places, children, "8mb")
        worker.child.ask("write_disk", folder=str(places.disk))
        worker.timed("spill", "pwrite", count=extent.warm_up, gap=0.0)
        for turn in range(extent.pairs):
            if turn % 2:
                spill, write = worker.timed("spill", "pwrite", count=extent.tail, gap=GAP)
            else:
                write, spill = worker.timed("pwrite", "spill", count=extent.tail, gap=GAP)
            spills += spill.seconds
            writes += write.seconds
    report.compare_tails("spill_p99_x_bare_pwrite", spills, writes)
    report.note("spill 8mb", spills)
    report.note("pwrite 8mb", writes)
