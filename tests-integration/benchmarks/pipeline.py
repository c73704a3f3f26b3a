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

from collections.abc import Mapping

from measures.bars import PIPELINE_BARS
from measures.in_turn import Measure, conclude, measure_in_turn, new_parser, places_to_measure
from measures.parsing import measure_parsing
from measures.pipeline_extent import FULL_PIPELINE, QUICK_PIPELINE, PipelineExtent
from measures.report import Report
from measures.streaming import measure_streaming
from measures.trivial_step import measure_trivial_step
from plot import draw_bars
from windows.screen import a_screen

PICTURE = "pipeline.png"
MEASURES: Mapping[str, Measure[PipelineExtent]] = {
    "streaming": measure_streaming,
    "trivial": measure_trivial_step,
    "parse": measure_parsing,
}


def main() -> None:
    """Measure, draw, and print the line."""
    parser = new_parser(__doc__, PICTURE)
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), help="measure these alone")
    arguments = parser.parse_args()
    extent = QUICK_PIPELINE if arguments.quick else FULL_PIPELINE
    chosen = {name: MEASURES[name] for name in arguments.only or MEASURES}
    report = Report()
    with places_to_measure(extent.rotated_nbytes) as places, a_screen():
        measure_in_turn(chosen, report, places, extent)
    bars = {**PIPELINE_BARS, "streaming_slowdown": 1.05 + report.ratios.get("aa_spread", 0.0)}
    conclude(report, arguments.out / PICTURE, lambda picture: draw_bars(picture, report.ratios, bars))


if __name__ == "__main__":
    main()
