"""Our pipeline: steps over a plate in worker processes, which stream to a window, or do not."""

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

import msgspec
from lanes.commands import Answer, serve

import hcs_stream
from hcs_stream.config import LazyNapariStreamingConfig
from hcs_stream.microscopes import Plate, open_plate
from hcs_stream.pipeline import Pipeline, PipelineConfig, RunReport, Step

from .call_times import CallNotes, note_calls
from .steps import FUNCTIONS, KINDS

LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 60.0
NANOSECONDS = 1e9


class PipelineOverPlate:
    """A pipeline, a plate, and workers that outlive a run: what starting them takes is in none."""

    def __init__(self, port: str, folder: str, notes: str, workers: str) -> None:
        self._port = int(port)
        self._plate = open_plate(folder)
        self._workers = int(workers)
        self._executor = ProcessPoolExecutor(
            self._workers, mp_context=get_context("spawn"), initializer=note_calls, initargs=(notes,)
        )
        self._notes = CallNotes(Path(notes))

    def run(self, streams: bool, wells: int | None = None) -> Answer:
        """Go through the plate, or so many wells of it, and stream what each step makes, or do not."""
        plate = self._plate if wells is None else _part(self._plate, wells)
        self._notes.new()
        threads = self._notes.other_threads_seconds
        began = time.monotonic_ns()
        report = self._pipeline(streams=streams).run(plate, executor=self._executor, on_progress=_say_nothing)
        wall = (time.monotonic_ns() - began) / NANOSECONDS
        threads = self._notes.other_threads_seconds - threads
        calls = [{**call, "after": (call["began"] - began) / NANOSECONDS} for call in self._notes.new()]
        return {
            "wall": wall,
            "published": _checked(report).images_published,
            "calls_seconds": sum(call["spent"] for call in calls) / NANOSECONDS,
            "threads_seconds": threads,
            "sends": [call for call in calls if call["call"] == "send"],
        }

    def shown(self, count: int) -> Answer:
        """Return how many images lie in the window's layers when there are so many, or nothing comes."""
        viewer = self._viewer()
        shown, changed = -1, time.monotonic()
        while shown < count and time.monotonic() - changed < PATIENCE_SECONDS:
            now = sum(layer.images for layer in viewer.state().layers)
            if now != shown:
                shown, changed = now, time.monotonic()
            time.sleep(LOOK_SECONDS)
        return {"shown": shown}

    def clear(self) -> Answer:
        """Remove all layers from the window."""
        self._viewer().clear()
        return {}

    def close(self) -> None:
        """Let the workers go."""
        self._executor.shutdown()

    def _pipeline(self, *, streams: bool) -> Pipeline:
        steps = [Step(function, kind=kind) for function, kind in zip(FUNCTIONS, KINDS, strict=True)]
        streaming = LazyNapariStreamingConfig(napari_port=self._port) if streams else None
        return Pipeline(steps, PipelineConfig(napari_streaming=streaming))

    def _viewer(self) -> hcs_stream.Viewer:
        viewer = hcs_stream.find_viewer(self._port)
        assert viewer is not None
        return viewer


def _part(plate: Plate, wells: int) -> Plate:
    chosen = list(dict.fromkeys(image.well for image in plate.images))[:wells]
    return msgspec.structs.replace(plate, images=tuple(i for i in plate.images if i.well in chosen))


def _say_nothing(done: int, of: int) -> None:
    """Leave standard error to the log."""


def _checked(report: RunReport) -> RunReport:
    if report.failures or report.troubles:
        raise RuntimeError(f"{report.failures} {report.troubles}")
    return report


def main() -> None:
    """Be a pipeline over the plate in a folder, with so many workers, and a viewer on a port."""
    with ExitStack() as ends:
        pipeline = PipelineOverPlate(*sys.argv[1:])
        ends.callback(pipeline.close)
        serve({"run": pipeline.run, "shown": pipeline.shown, "clear": pipeline.clear})


if __name__ == "__main__":
    main()
