"""One run of a pipeline over a plate: checked, gone through, and reported."""

import logging
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, get_args

from msgspec.structs import replace as replace_fields

from hcs_protocol import RunState, new_id, temporary_folder
from hcs_stream.config import Streamings
from hcs_stream.microscopes import ImageFile, Plate

from ._errors import RunOptionError, UnknownChannelError
from ._executors import ExecutorLike, needs_pickling, workers_of
from ._fingerprint import fingerprint_of, fingerprint_of_well
from ._job import Job, lengths_in, wells_of
from ._on_disk import look_inside
from ._outlets import FLUSH_SECONDS, forget_outlets, outlets_of
from ._output import Output
from ._portable import check_not_a_worker, check_portable
from ._progress import OnProgress, shown_progress
from ._report import RunInterruptedError, RunReport, Tally
from ._saving import begin_plates, finish_plates
from ._schedule import Schedule
from ._step import Step
from ._viewing import viewers_of

logger = logging.getLogger(__name__)

OnError: TypeAlias = Literal["continue", "stop"]
"""What an error in one well means for the others."""

INTERRUPTED_SECONDS = 2.0
"""For what is on its way to viewers, when somebody waits."""


class How(NamedTuple):
    """What a caller says of a run beside the steps and the plate."""

    executor: ExecutorLike
    workers: int | None
    on_error: OnError
    resume: bool
    attempts: int
    on_progress: OnProgress | None


def run_steps(
    steps: tuple[Step, ...], streaming: Streamings, plate: Plate, output: Output | None, how: How
) -> RunReport:
    """Take all wells of a plate through steps; see `Pipeline.run`."""
    check_not_a_worker()
    plate = replace_fields(plate, images=_to_be_processed(plate.images))  # made now, and not each time
    _check_has_images(plate)
    inside = look_inside(plate.images)
    _check_channels(steps, inside.channels | {image.channel for image in plate.images})
    if needs_pickling(how.executor):
        check_portable(steps)
    _check_how(how, output)
    with _stop_file() as stop_file, shown_progress(how.on_progress, plate.name) as say:
        job = Job(
            run=new_id(),
            steps=steps,
            viewers=viewers_of(steps, streaming),
            lengths=lengths_in(plate),
            wavelengths=plate.wavelengths,
            output=output and output.of_images(plate.images),
            said_inside=inside.components,
            stop_file=str(stop_file),
        )
        return _go(job, plate, _sorted_out(job, plate, how), how, say)


def _go(job: Job, plate: Plate, tally: Tally, how: How, say: OnProgress) -> RunReport:
    state: RunState = "cancelled"
    begin_plates(job, plate)
    outlets = outlets_of(job, wait=True)
    try:
        outlets.declare(plate)
        _schedule(job, tally, how, say)
        state = "failed" if tally.has_failed else "completed"
    except KeyboardInterrupt as interrupt:
        report = tally.report(job.run)
        logger.warning("run interrupted %s", report)
        raise RunInterruptedError(report) from interrupt
    finally:
        troubles = finish_plates(job, plate)
        outlets.end_run(state)
        forget_outlets(job, INTERRUPTED_SECONDS if state == "cancelled" else FLUSH_SECONDS)
    report = tally.report(job.run)
    return replace_fields(report, troubles=(*report.troubles, *troubles))


def _schedule(job: Job, tally: Tally, how: How, say: OnProgress) -> None:
    if tally.done:
        say(tally.done, tally.of)
    if tally.done == tally.of:
        return
    schedule = Schedule(
        job,
        tally.waiting,
        workers_of(how.executor, how.workers),
        tally,
        say,
        attempts=how.attempts,
        stops_on_error=how.on_error == "stop",
    )
    try:
        schedule.go()
    except BaseException:
        Path(job.stop_file).touch()
        schedule.interrupt()
        raise


def _sorted_out(job: Job, plate: Plate, how: How) -> Tally:
    """Return the wells of a plate; to resume, those that an earlier run has materialised need nothing."""
    output = job.output
    wells = list(wells_of(plate))
    if output is None:
        return Tally(wells)
    steps = fingerprint_of(job.steps)
    wells = [replace(well, fingerprint=fingerprint_of_well(steps, well)) for well in wells]
    return Tally(wells, skipped=[well for well in wells if how.resume and output.has(well, job.steps)])


def _to_be_processed(images: Iterable[ImageFile]) -> tuple[ImageFile, ...]:
    """Leave out labels of a plate that has images beside them; of labels alone, they are the images."""
    found = tuple(images)
    have_images = {image.plate for image in found if image.kind == "image"}
    return tuple(image for image in found if image.kind == "image" or image.plate not in have_images)


def _check_how(how: How, output: Output | None) -> None:
    if how.resume and output is None:
        raise RunOptionError("wanted the output of an earlier run to resume, found none")
    if how.on_error not in get_args(OnError):
        raise RunOptionError(f"wanted on_error='continue' or 'stop', found {how.on_error!r}")
    for name, number in (("workers", how.workers), ("attempts", how.attempts)):
        if number is not None and number < 1:
            raise RunOptionError(f"wanted {name} from 1 on, found {number!r}")


def _check_has_images(plate: Plate) -> None:
    if plate.images:
        return
    others = ""
    if plate.unreadable:
        path, why = next(iter(plate.unreadable.items()))
        others = f", but {len(plate.unreadable)} that cannot be read: {path}: {why}"
    elif plate.unparsed:
        others = f", but {len(plate.unparsed)} of unknown names, such as {plate.unparsed[0].name!r}"
    wanted = "wanted images whose names a grammar knows"
    raise RunOptionError(f"{wanted}, found none in {str(plate.folder)!r}{others}")


def _check_channels(steps: tuple[Step, ...], channels: Set[str]) -> None:
    for number, step in enumerate(steps, start=1):
        if "channel" in step.axes:
            return  # from here on, nobody knows
        for channel in step.chains.keys() - channels - {None}:
            close = get_close_matches(str(channel), channels, n=1)
            advice = f"; did you mean {close[0]!r}?" if close else ""
            wanted = (
                f"wanted in step {number} {step.name!r} channels of the plate, {', '.join(sorted(channels))}"
            )
            raise UnknownChannelError(f"{wanted}, found {channel!r}{advice}")


@contextmanager
def _stop_file() -> Iterator[Path]:
    """Yield the name of a file that tells workers to stop when it is there."""
    # A folder of its own would stay when the run is killed.
    file = temporary_folder() / f"hcs-run-{new_id()}.stop"
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)
