"""What happens in a worker process: read, process, stream."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec
import numpy.typing as npt
import tifffile

import hcs_protocol as protocol
from hcs_stream import connect
from hcs_stream.microscopes import ImageFile

from ._step import Step


class WellReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one well."""

    well: str
    images_published: int
    shown_before_last_published: bool
    error: str | None = None


class Worker:
    """The steps and the stream of this process."""

    def __init__(
        self,
        steps: Sequence[Step],
        data_port: int,
        run: str,
        display: protocol.DisplayConfiguration | None,
    ) -> None:
        self.steps = steps
        self.stream = connect(
            data_port=data_port, run=run, display=display or protocol.DisplayConfiguration(), wait=False
        )

    def process(self, images: Sequence[ImageFile]) -> WellReport:
        """Take the images of a well through all steps; an error ends the well, not the run."""
        well, of = images[0].well, len(images)
        published, shown_before_last, error = 0, False, None
        try:
            for done, image in enumerate(images, start=1):
                for send in self._steps_of(image):
                    shown_before_last = self.stream.counters.shown > 0
                    send()
                    published += 1
                self._say_progress(well, "done" if done == of else "running", done, of)
        except Exception as failure:  # a user's function may raise anything
            error = f"{type(failure).__name__}: {failure}"
            self._say_progress(well, "failed", published // len(self.steps), of, error)
        return WellReport(
            well=well,
            images_published=published,
            shown_before_last_published=shown_before_last,
            error=error,
        )

    def _steps_of(self, image: ImageFile) -> Iterator[Callable[[], None]]:
        """Yield, step by step, what sends the step's result at the image's address."""
        pixels: npt.NDArray[Any] = tifffile.imread(image.path)
        for number, step in enumerate(self.steps, start=1):
            pixels = step.func(pixels)
            yield partial(
                self.stream.send,
                pixels,
                plate=image.plate,
                well=image.well,
                site=image.site,
                channel=image.channel,
                z_index=image.z_index,
                timepoint=image.timepoint,
                step=(number, step.name),
                kind=step.kind,
            )

    def _say_progress(
        self, well: str, state: protocol.StepState, done: int, of: int, error: str | None = None
    ) -> None:
        last = (len(self.steps), self.steps[-1].name)
        self.stream.progress(step=last, well=well, state=state, done=done, of=of, error=error)


_worker: list[Worker] = []


def start_worker(
    steps: Sequence[Step], data_port: int, run: str, display: protocol.DisplayConfiguration | None
) -> None:
    """Connect this process; its stream is flushed when the process ends."""
    _worker[:] = [Worker(steps, data_port, run, display)]


def process_well(images: Sequence[ImageFile]) -> WellReport:
    """Process one well in this process."""
    return _worker[0].process(images)
