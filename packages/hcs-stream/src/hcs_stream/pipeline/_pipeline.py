"""A pipeline: steps, and how all of them are streamed."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hcs_stream.config import LazyNapariStreamingConfig, PipelineConfig, Streamings
from hcs_stream.config._inheritance import DEFAULTS
from hcs_stream.microscopes import Plate, open_plate

from ._errors import StepDefinitionError
from ._executors import ExecutorLike
from ._output import Output
from ._progress import OnProgress
from ._report import RunReport
from ._run import How, OnError, run_steps
from ._step import Step

logger = logging.getLogger(__name__)

STREAMED = PipelineConfig(napari_streaming=LazyNapariStreamingConfig(colormap=None))
"""To the viewer that the environment names, or the usual one, which chooses a colour for each channel.

A colormap that the environment, or the file that it names, says counts more.
"""


@dataclass(frozen=True)
class Pipeline:
    """Steps that the images of a plate go through, one after the other."""

    steps: Sequence[Step]
    config: PipelineConfig = STREAMED
    """What holds for all steps; by default, they are streamed to the viewer that the environment says."""

    def __post_init__(self) -> None:
        steps = (self.steps,) if isinstance(self.steps, Step) else tuple(self.steps)
        object.__setattr__(self, "steps", steps)
        if not isinstance(self.config, PipelineConfig):
            raise StepDefinitionError(f"wanted a PipelineConfig, found {self.config!r}")
        if not steps:
            raise StepDefinitionError("wanted at least one step, found none")
        for step in steps:
            if not isinstance(step, Step):
                raise StepDefinitionError(f"wanted steps, found {step!r}: write Step({step!r})")

    def run(
        self,
        plate: Plate | str | os.PathLike[str],
        output: str | os.PathLike[str] | None = None,
        *,
        executor: ExecutorLike = "processes",
        workers: int | None = None,
        on_error: OnError = "continue",
        resume: bool = False,
        attempts: int = 3,
        on_progress: OnProgress | None = None,
    ) -> RunReport:
        """Take all images of a plate through the steps; keep and stream what each step makes.

        Wells are processed one by one by each worker. A worker process that dies is replaced and its well is
        processed again; what it had published is replaced in the viewers.

        Args:
            plate: The images, or their folder, as `hcs_stream.microscopes.open_plate` opens it.
            output: Where results are kept; without one they are only streamed.
            executor: ``"serial"``, ``"threads"``, ``"processes"``, ``"dask"``, the address of a Dask
                scheduler ``"tcp://host:8786"``, a Dask client, or any executor of `concurrent.futures`.
            workers: How many; else what the configuration says, else one less than there are cores.
            on_error: What an error in one well means for the others: ``"continue"``, or ``"stop"``, which
                begins with no further well.
            resume: Whether wells are left out that an earlier run with the same steps, over the same images,
                has materialised in this output.
            attempts: How many workers may die on a well until it is given up.
            on_progress: Called with the number of wells that are done, and of all; by default a bar is shown
                on a terminal, and lines are logged elsewhere.

        Raises:
            UnportableFunctionError: Worker processes could not import a function.
            UnknownChannelError: A step has a function for a channel that the plate has not.
            UnknownExecutorError: There is no such executor.
            NoSchedulerError: No Dask scheduler answers at this address.
            RunOptionError: There is no image, or nothing to resume, or a number is not from 1 on.
            WorkersDoNotStartError: Worker processes end before they do anything.
            RunInterruptedError: Ctrl-C ended it; says what was done until then.
            ConfigurationError: What configurations say together cannot be.
            HcsError: A viewer cannot be reached, as `hcs_stream.connect` raises.
        """
        count = self.config.workers if workers is None else workers
        how = How(executor, count, on_error, resume, attempts, on_progress)
        opened = plate if isinstance(plate, Plate) else _opened(Path(plate))
        place = None if output is None else Output.at(output)
        return run_steps(tuple(self.steps), _streaming(self.config), opened, place, how)


def run(
    plate: Plate | str | os.PathLike[str],
    steps: Sequence[Step],
    output: str | os.PathLike[str] | None = None,
    *,
    config: PipelineConfig = STREAMED,
    executor: ExecutorLike = "processes",
    workers: int | None = None,
    on_error: OnError = "continue",
    resume: bool = False,
    attempts: int = 3,
    on_progress: OnProgress | None = None,
) -> RunReport:
    """Take all images of a plate through steps, as `Pipeline.run` of a pipeline that is used once."""
    return Pipeline(steps, config).run(
        plate,
        output,
        executor=executor,
        workers=workers,
        on_error=on_error,
        resume=resume,
        attempts=attempts,
        on_progress=on_progress,
    )


def _streaming(config: PipelineConfig) -> Streamings:
    if config != STREAMED:
        return config.napari_streaming
    unsaid = LazyNapariStreamingConfig()
    return STREAMED.napari_streaming if unsaid.placeholder("colormap").source == DEFAULTS else unsaid


def _opened(folder: Path) -> Plate:
    plate = open_plate(folder)
    if count := len(plate.unparsed):
        logger.warning("files left out plate=%r count=%d first=%s", plate.name, count, plate.unparsed[0])
    return plate
