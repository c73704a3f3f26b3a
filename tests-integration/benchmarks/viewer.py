"""What images cost a window: the real viewer, fed by a real worker, against napari's own calls.

Every window is real, on a virtual screen if there is none, and is asked from within when its canvas was
painted, with which image. What is compared is done in turns. Beside it, in the same run: OpenHCS 0.8.6's
streaming, in an environment of its own in ``~/.cache/hcs-benchmarks``, or ``$HCS_BENCH_ENVS``, and a plain
``viewer.add_image`` for each image.

Says on standard error what it has found so far; its last line is JSON. Draws ``viewer.png``.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lanes.places import Places, own_places
from measures.bars import WINDOW_BARS
from measures.late_timers import measure_late_timers
from measures.paced_costs import measure_layer_cost, measure_plate_cost
from measures.report import Report
from measures.side_by_side import measure_side_by_side
from measures.visible import measure_visible
from measures.window_budget import measure_budget
from measures.window_extent import FULL_WINDOWS, QUICK_WINDOWS, WindowExtent
from plot import draw_bars
from windows.screen import a_screen

PICTURE = "viewer.png"
Measure = Callable[[Report, Places, WindowExtent], None]
MEASURES: dict[str, Measure] = {
    "visible": measure_visible,
    "layer": measure_layer_cost,
    "plate": measure_plate_cost,
    "timers": measure_late_timers,
    "budget": measure_budget,
}


def main() -> None:
    """Measure, draw, and print the line."""
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # children end and folders go
    extent = QUICK_WINDOWS if arguments.quick else FULL_WINDOWS
    report = Report()
    beside: Measure = partial(measure_side_by_side, install=not arguments.quick)
    measures = {**MEASURES, "beside": beside}
    with a_screen(), own_places(0) as places:
        try:
            for name in arguments.only or measures:
                _measure(report, places, extent, measures[name])
        except BaseException:
            sys.stderr.write(places.log.read_text(errors="replace") if places.log.exists() else "")
            raise
    arguments.out.mkdir(parents=True, exist_ok=True)
    picture = draw_bars(arguments.out / PICTURE, report.ratios, WINDOW_BARS)
    print(json.dumps({**report.line(), "plot": picture}))


def _measure(report: Report, places: Places, extent: WindowExtent, measure: Measure) -> None:
    began = time.monotonic()
    known = set(report.ratios)
    measure(report, places, extent)
    for key in [key for key in report.ratios if key not in known]:
        sys.stderr.write(f"{key} {report.ratios[key]:.3g}\n")
    sys.stderr.write(f"{time.monotonic() - began:.0f} s\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*MEASURES, "beside"]
    parser.add_argument("--only", nargs="+", choices=names, help="measure these alone")
    quick = "try whether everything works; the numbers mean nothing, and nothing is installed"
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help=f"where {PICTURE} goes")
    return parser


if __name__ == "__main__":
    main()
