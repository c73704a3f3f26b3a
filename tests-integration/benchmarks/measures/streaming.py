"""What streaming costs a pipeline, beside a window that shows everything it makes.

Runs with streaming (A) and without (B) come in the order A B B A, and so on. In a run without, a replayer
sends the same images at the same times, so that the window and its load on the machine are alike.
"""

import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

from lanes.children import start
from lanes.places import Places

from .linked_plate import make_linked_plate
from .pipeline_extent import SITES, PipelineExtent
from .real_windows import LONG_SECONDS, NANOSECONDS, OurWindow
from .report import Report

ORDER = (True, False, False, True)
"""Whether the runs of a block stream."""
Ran = dict[str, Any]


class Runs:
    """A window, a pipeline that streams to it, or does not, and a replayer that then does."""

    def __init__(self, places: Places, children: ExitStack, extent: PipelineExtent) -> None:
        self._window = OurWindow(places, children)
        self.workers = extent.workers
        plate, notes = places.disk / "plate", places.folder / "notes"
        plate.mkdir()
        notes.mkdir()
        distinct = make_linked_plate(plate, extent.shape, extent.wells * self.workers, SITES)
        self._window.child.wait_until_ready()  # or another one would be started
        how: dict[str, Any] = {"log": places.log, "environ": places.environ()}
        port = self._window.port
        self._replayer = start(children, "windows.replayer", port, *distinct, **how)
        self._pipeline = start(children, "windows.our_pipeline", port, plate, notes, self.workers, **how)
        self._replayer.wait_until_ready()
        self._last: Ran = self._run(streams=True, wells=self.workers)  # all begin to know one another

    def streaming(self) -> Ran:
        """Run the pipeline, which streams."""
        self._last = self._run(streams=True)
        return self._last

    def replayed(self) -> Ran:
        """Run the pipeline, which does not stream, while a replayer sends what it did when it last did."""
        self._replayer.tell("replay", sends=self._last["sends"])
        ran = self._run(streams=False)
        replayed = self._replayer.hear(LONG_SECONDS)
        return {**ran, **replayed, "shown": self._shown(replayed["published"])}

    def _run(self, *, streams: bool, wells: int | None = None) -> Ran:
        self._pipeline.tell("run", streams=streams, wells=wells)
        ran = self._pipeline.hear(LONG_SECONDS)
        return {**ran, "shown": self._shown(ran["published"])} if streams else ran

    def _shown(self, count: int) -> int:
        """Return how many images are shown in the end, and make room for the next ones."""
        self._pipeline.tell("shown", count=count)
        shown = int(self._pipeline.hear(LONG_SECONDS)["shown"])
        self._pipeline.ask("clear")
        self._window.settle()
        return shown


def measure_streaming(report: Report, places: Places, extent: PipelineExtent) -> None:
    """Note ``stream_share``, ``streaming_slowdown``, ``aa_spread`` and that nothing was lost."""
    kinds = ORDER * extent.blocks
    ran: list[Ran] = []
    with ExitStack() as children:
        runs = Runs(places, children, extent)
        for streams in kinds:
            ran.append(runs.streaming() if streams else runs.replayed())
            sys.stderr.write(f"{'streams' if streams else 'replayed'} {ran[-1]['wall']:.2f} s\n")
    streaming = [run for run, streams in zip(ran, kinds, strict=True) if streams]
    replayed = [run for run, streams in zip(ran, kinds, strict=True) if not streams]
    _note_slowdown(report, streaming, replayed)
    report.ratios["aa_spread"] = _spread([run["wall"] for run in ran], kinds)
    _note_shares(report, streaming, runs.workers)
    report.count("images_published", _sum(streaming, "published"))
    report.count("images_shown", _sum(streaming, "shown"))
    report.count("images_replayed", _sum(replayed, "published"))
    report.count("lost", _sum(ran, "published") - _sum(ran, "shown"))
    report.count("replayed_late_seconds", round(max(run["late"] for run in replayed), 3))


def _note_slowdown(report: Report, streaming: Sequence[Ran], replayed: Sequence[Ran]) -> None:
    """Note how much longer a run takes that streams than its neighbour that does not."""
    with_it, without_it = ([run["wall"] for run in runs] for runs in (streaming, replayed))
    report.compare("streaming_slowdown", with_it, without_it, int(_sum(streaming, "published")))
    report.note("run of a pipeline that streams", with_it)
    report.note("run of a pipeline that does not", without_it)


def _spread(walls: Sequence[float], kinds: Sequence[bool]) -> float:
    """Return how far apart neighbouring runs of one kind are: the median of longer ÷ shorter, less 1."""
    neighbours = zip(pairwise(walls), pairwise(kinds), strict=True)
    pairs = [walls for walls, (first, second) in neighbours if first == second]
    return statistics.median(max(pair) / min(pair) for pair in pairs) - 1


def _note_shares(report: Report, streaming: Sequence[Ran], workers: int) -> None:
    """Note ``stream_share``, and its two parts."""
    wall = workers * _sum(streaming, "wall")
    calls, threads = (_sum(streaming, f"{name}_seconds") / wall for name in ("calls", "threads"))
    report.ratios.update(stream_share=calls + threads, stream_share_calls=calls, stream_share_threads=threads)
    sends = [send["spent"] / NANOSECONDS for run in streaming for send in run["sends"]]
    report.note("send of a pipeline", sends)
    report.count("step_milliseconds", round(wall / len(sends) * 1e3))


def _sum(runs: Sequence[Ran], what: str) -> float:
    return float(sum(run[what] for run in runs))
