"""How much memory a viewer with a budget takes when it is sent several times as much."""

from contextlib import ExitStack

from lanes.places import Places

from .real_windows import OurSender, OurWindow, has_memory_option, memory_option
from .report import Report
from .window_extent import WindowExtent

BUDGET, BUDGET_NBYTES = "1G", 1 << 30
KEYS = ("rss_minus_budget_mb", "rss_anon_minus_budget_mb")
BURST = 8
MEGABYTE = 1e6


def measure_budget(report: Report, places: Places, extent: WindowExtent) -> None:
    """Note ``rss_minus_budget_mb``: all that was in memory, at its highest.

    ``rss_anon_minus_budget_mb`` is without what an empty viewer has, and without files and others' memory.
    """
    if not has_memory_option() or not extent.budgets:
        reason = "not asked for" if has_memory_option() else "hcs-viewer has no --memory"
        for key in KEYS:
            report.skip(key, reason)
        return
    with ExitStack() as children:
        window = OurWindow(places, children, *memory_option(BUDGET))
        sender = OurSender(places, children, extent.shape)
        sender.connect(window)
        window.settle()
        empty, rss, anonymous = window.anonymous, [window.rss], [window.anonymous]
        while sender.nbytes < extent.budgets * BUDGET_NBYTES:
            sender.send("timepoints", BURST)
            rss.append(window.rss)
            anonymous.append(window.anonymous)
        sender.flush()
        window.settle()
        rss.append(window.rss)
        anonymous.append(window.anonymous)
    report.count("budget_images", sender.sent)
    report.count("rss_empty_mb", round(rss[0] / MEGABYTE))
    report.ratios[KEYS[0]] = (max(rss) - BUDGET_NBYTES) / MEGABYTE
    report.ratios[KEYS[1]] = (max(anonymous) - empty - BUDGET_NBYTES) / MEGABYTE
