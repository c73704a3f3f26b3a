"""How long the manager's window stands still: opened, scrolled and selected in, with a large plate.

Its window is real, on a virtual screen if there is none, with 20 viewers that answer and a plate of 50 000
images. A timer notes whenever its thread is back in the event loop: the longest gap is the stall, over the
time in which the same window paints all of itself.

Says on standard error what it has found so far; its last line is JSON. Draws ``manager.png``.
"""

import argparse
import json
import signal
import sys
from pathlib import Path

from lanes.places import own_places
from measures.bars import MANAGER_BARS
from measures.manager import FULL_MANAGER, QUICK_MANAGER, measure_manager
from measures.report import Report
from plot import draw_bars
from windows.screen import a_screen

PICTURE = "manager.png"


def main() -> None:
    """Measure, draw, and print the line."""
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # children end and folders go
    report = Report()
    with a_screen(), own_places(0) as places:
        try:
            measure_manager(report, places, QUICK_MANAGER if arguments.quick else FULL_MANAGER)
        except BaseException:
            sys.stderr.write(places.log.read_text(errors="replace") if places.log.exists() else "")
            raise
    arguments.out.mkdir(parents=True, exist_ok=True)
    picture = draw_bars(arguments.out / PICTURE, report.ratios, MANAGER_BARS)
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
