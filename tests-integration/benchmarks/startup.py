"""From nothing to the first image on the screen: our viewer, cold and from a spare, beside bare napari.

Ours begins when a worker calls `hcs_stream.connect`, with the image in its hands; bare napari begins with its
interpreter, then ``Viewer()`` and ``add_image``. Both end when the image is painted, which each process finds
out from within, alike. They take turns; nothing else runs meanwhile.

Says on standard error what it has found so far; its last line is JSON. Draws ``startup.png``.
"""

import argparse
import json
import signal
import sys
from pathlib import Path

from lanes.places import own_places
from measures.bars import START_BARS
from measures.report import Report
from measures.starts import FULL_STARTS, QUICK_STARTS, measure_starts
from plot import draw_bars
from windows.screen import a_screen

PICTURE = "startup.png"


def main() -> None:
    """Measure, draw, and print the line."""
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # children end and folders go
    report = Report()
    with a_screen(), own_places(0) as places:
        try:
            measure_starts(report, places, QUICK_STARTS if arguments.quick else FULL_STARTS)
        except BaseException:
            sys.stderr.write(places.log.read_text(errors="replace") if places.log.exists() else "")
            raise
    arguments.out.mkdir(parents=True, exist_ok=True)
    picture = draw_bars(arguments.out / PICTURE, report.ratios, START_BARS)
    print(json.dumps({**report.line(), "plot": picture}))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    quick = "try whether everything works; the numbers mean nothing"
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help=f"where {PICTURE} goes")
    return parser


if __name__ == "__main__":
    main()
