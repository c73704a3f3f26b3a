"""What images cost a window: the real viewer, fed by a real worker, against napari's own calls.

Every window is real, on a virtual screen if there is none, and is asked from within when its canvas was
painted, with which image. What is compared is done in turns. Beside it, in the same run: OpenHCS 0.8.6's
streaming, in an environment of its own in ``~/.cache/hcs-benchmarks``, or ``$HCS_BENCH_ENVS``, and a plain
``viewer.add_image`` for each image.

Says on standard error what it has found so far; its last line is JSON. Draws ``viewer.png``.
"""

from collections.abc import Mapping
from functools import partial

from measures.bars import WINDOW_BARS
from measures.in_turn import Measure, conclude, measure_in_turn, new_parser, places_to_measure
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
MEASURES: Mapping[str, Measure[WindowExtent]] = {
    "visible": measure_visible,
    "layer": measure_layer_cost,
    "plate": measure_plate_cost,
    "timers": measure_late_timers,
    "budget": measure_budget,
}


def main() -> None:
    """Measure, draw, and print the line."""
    parser = new_parser(__doc__, PICTURE, besides=", and nothing is installed")
    parser.add_argument("--only", nargs="+", choices=[*MEASURES, "beside"], help="measure these alone")
    arguments = parser.parse_args()
    extent = QUICK_WINDOWS if arguments.quick else FULL_WINDOWS
    beside: Measure[WindowExtent] = partial(measure_side_by_side, install=not arguments.quick)
    measures = {**MEASURES, "beside": beside}
    chosen = {name: measures[name] for name in arguments.only or measures}
    report = Report()
    with places_to_measure(0) as places, a_screen():
        measure_in_turn(chosen, report, places, extent)
    conclude(report, arguments.out / PICTURE, lambda picture: draw_bars(picture, report.ratios, WINDOW_BARS))


if __name__ == "__main__":
    main()
