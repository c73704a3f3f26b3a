"""How fluid the window stays while images flood in at full rate."""

import statistics
from contextlib import ExitStack

from lanes.places import Places

from .real_windows import NANOSECONDS, OurSender, OurWindow
from .report import Report, percentile_99
from .window_extent import WindowExtent

BURST = 50


def measure_late_timers(report: Report, places: Places, extent: WindowExtent) -> None:
    """Note ``gui_timer_16ms_p99_x_paint``: images replace one another in a layer that is looked at."""
    with ExitStack() as children:
        window = OurWindow(places, children)
        sender = OurSender(places, children, extent.shape)
        sender.connect(window)
        sender.send("turning", BURST)
        sender.flush()
        window.settle()
        window.child.ask("start_timer")
        first = sender.sent
        while (seen := window.child.ask("ticks"))["count"] < extent.ticks or not seen["paints"]:
            sender.send("turning", BURST)
        found = window.child.ask("stop_timer")
        report.count("gui_timer_images", sender.sent - first)
    late, paints = (_seconds(found[name]) for name in ("late", "paints"))
    paint = statistics.median(paints)
    report.ratios["gui_timer_16ms_p99_x_paint"] = percentile_99(late) / paint
    report.ratios["gui_timer_16ms_p50_x_paint"] = statistics.median(late) / paint
    report.count("gui_timer_ticks", len(late))
    report.count("gui_timer_paints", len(paints))
    report.note("16 ms timer late, images at full rate", late)
    report.note("paint, images at full rate", paints)


def _seconds(nanoseconds: list[int]) -> list[float]:
    return [value / NANOSECONDS for value in nanoseconds]
