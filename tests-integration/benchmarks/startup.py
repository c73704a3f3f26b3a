"""From nothing to the first image on the screen: our viewer, cold and from a spare, beside bare napari.

Ours begins when a worker calls `hcs_stream.connect`, with the image in its hands; bare napari begins with its
interpreter, then ``Viewer()`` and ``add_image``. Both end when the image is painted, which each process finds
out from within, alike. They take turns; nothing else runs meanwhile.

Says on standard error what it has found so far; its last line is JSON. Draws ``startup.png``.
"""

from collections.abc import Mapping

from measures.bars import START_BARS
from measures.in_turn import Measure, conclude, measure_in_turn, new_parser, places_to_measure
from measures.report import Report
from measures.starts import FULL_STARTS, QUICK_STARTS, StartExtent, measure_starts
from plot import draw_bars
from windows.screen import a_screen

PICTURE = "startup.png"
MEASURES: Mapping[str, Measure[StartExtent]] = {"starts": measure_starts}


def main() -> None:
    """Measure, draw, and print the line."""
    arguments = new_parser(__doc__, PICTURE).parse_args()
    report = Report()
    with places_to_measure(0) as places, a_screen():
        measure_in_turn(MEASURES, report, places, QUICK_STARTS if arguments.quick else FULL_STARTS)
    conclude(report, arguments.out / PICTURE, lambda picture: draw_bars(picture, report.ratios, START_BARS))


if __name__ == "__main__":
    main()
