"""What it costs to bring images from a pipeline into a viewer's memory: ours against other ways, in one run.

Every way is two processes. It sends the same images, uint16 noise of 256 KB, 8 MB and 64 MB that rotates over
256 MB, through the same number of slots, and its consumer copies each out into memory of its own and checks a
word of it. Ours is `hcs_stream`'s, over real and encrypted sockets, into the viewer's own receiver and store;
only the window is replaced. The sides of a ratio take turns; a ratio is a median over pairs. Keys that end in
``_insecure`` are of sockets without encryption, which the product does not offer; those that end in ``_lent``
are of arrays that our pool lent. Environments for other projects' ways are made in
``~/.cache/hcs-benchmarks``, or ``$HCS_BENCH_ENVS``, and kept.

Says on standard error what it has found so far; its last line is JSON. Draws ``transport.png``.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lanes.catalogue import WAYS
from lanes.places import Places, own_places
from measures.bars import BARS
from measures.dropping import measure_dropping
from measures.extent import FULL, QUICK, Extent
from measures.fan_out import measure_fan_out
from measures.floods import measure_floods
from measures.many import measure_many
from measures.publishing import measure_lent, measure_puts
from measures.report import Report
from measures.spilling import measure_spilling
from plot import draw

PICTURE = "transport.png"


def main() -> None:
    """Measure, draw, and print the line."""
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # children end and folders go
    extent = QUICK if arguments.quick else FULL
    report = Report()
    with own_places(extent.rotated_nbytes) as places:
        try:
            _measure(report, places, extent, peers=arguments.peers, install=not arguments.quick)
        except BaseException:
            sys.stderr.write(places.log.read_text(errors="replace") if places.log.exists() else "")
            raise
    arguments.out.mkdir(parents=True, exist_ok=True)
    picture = draw(arguments.out / PICTURE, report.microseconds, report.ratios, BARS)
    print(json.dumps({**report.line(), "plot": picture}))


def _measure(report: Report, places: Places, extent: Extent, *, peers: bool, install: bool) -> None:
    ways = [name for name, way in WAYS.items() if peers or not way.is_asked_for]
    measures: list[Callable[[Report, Places, Extent], None]] = [
        partial(measure_floods, ways=ways, install=install),
        measure_puts,
        measure_lent,
        measure_spilling,
        measure_dropping,
        measure_fan_out,
        measure_many,
    ]
    for measure in measures:
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
    parser.add_argument("--peers", action="store_true", help="Ray, Rerun and multiprocessing.Queue too")
    quick = "try whether everything works; the numbers mean nothing, and nothing is installed"
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help=f"where {PICTURE} goes")
    return parser


if __name__ == "__main__":
    main()
