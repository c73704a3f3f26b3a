"""What streaming costs a pipeline: scikit-image's steps over images of 2048², all shown by a real viewer.

The pipeline runs in worker processes, one less than there are cores, over images that lie in the file cache.
Its steps take from 50 to 300 ms. A run takes about twenty seconds, not an hour: the thousand images, results
of single steps, are those of all runs that stream. Runs that stream (A) and runs that do not (B) come in the
order A B B A, and so on, and the viewer is fed alike in both: in B by a replayer, a process of its own that
sends the same images at the times at which the latest run that streamed had sent them.

``stream_share``
    The time that callers are inside a stream's methods, and the processor time of all threads of the workers
    but those that compute, which are ours and libzmq's; ÷ time of the runs × workers.
``streaming_slowdown``
    The median of A ÷ B, of neighbours. It may be 1.05 + ``aa_spread``.
``aa_spread``
    How far apart neighbouring runs of one kind are, A A or B B: the median of longer ÷ shorter, less 1.
``trivial_step_slowdown``
    A step that adds one to images of 8 MB, into lent arrays that are sent to a viewer that keeps nothing,
    ÷ the same into other arrays; in turns, and both over more memory than caches hold.
``parse_100k_x_scandir``
    Opening a plate of 100 000 files ÷ listing them, of the slowest maker: see ``parse.py``.

``images_published`` and ``images_shown`` are of the pipeline; ``lost`` are all that were sent, by the
replayer too, and never shown.

Says on standard error what it has found so far; its last line is JSON. Draws ``pipeline.png``.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lanes.places import Places, own_places
from measures.bars import PIPELINE_BARS
from measures.parsing import measure_parsing
from measures.pipeline_extent import FULL_PIPELINE, QUICK_PIPELINE, PipelineExtent
from measures.report import Report
from measures.streaming import measure_streaming
from measures.trivial_step import measure_trivial_step
from plot import draw_bars
from windows.screen import a_screen

PICTURE = "pipeline.png"
MEASURES: dict[str, Callable[[Report, Places, PipelineExtent], None]] = {
    "streaming": measure_streaming,
    "trivial": measure_trivial_step,
    "parse": measure_parsing,
}


def main() -> None:
    """Measure, draw, and print the line."""
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # children end and folders go
    extent = QUICK_PIPELINE if arguments.quick else FULL_PIPELINE
    report = Report()
    with a_screen(), own_places(extent.rotated_nbytes) as places:
        try:
            for name in arguments.only or MEASURES:
                _measure(report, places, extent, name)
        except BaseException:
            sys.stderr.write(places.log.read_text(errors="replace") if places.log.exists() else "")
            raise
    arguments.out.mkdir(parents=True, exist_ok=True)
    bars = {**PIPELINE_BARS, "streaming_slowdown": 1.05 + report.ratios.get("aa_spread", 0.0)}
    picture = draw_bars(arguments.out / PICTURE, report.ratios, bars)
    print(json.dumps({**report.line(), "plot": picture}))


def _measure(report: Report, places: Places, extent: PipelineExtent, name: str) -> None:
    began = time.monotonic()
    known = set(report.ratios)
    MEASURES[name](report, places, extent)
    for key in [key for key in report.ratios if key not in known]:
        sys.stderr.write(f"{key} {report.ratios[key]:.3g}\n")
    sys.stderr.write(f"{time.monotonic() - began:.0f} s\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), help="measure these alone")
    quick = "try whether everything works; the numbers mean nothing"
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help=f"where {PICTURE} goes")
    return parser


if __name__ == "__main__":
    main()
