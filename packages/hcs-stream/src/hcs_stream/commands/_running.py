"""A run of a pipeline as a command line says it, and what is told of it."""

import argparse
import dataclasses
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import msgspec
from rich.table import Table

from hcs_protocol import HcsError
from hcs_stream._assembly import ssh_host
from hcs_stream.config import LazyNapariStreamingConfig
from hcs_stream.microscopes import Plate, open_plate
from hcs_stream.microscopes._errors import EXAMPLE_OF_PATTERN
from hcs_stream.pipeline import Pipeline, RunInterruptedError, RunReport
from hcs_stream.sending import PICTURES, Choice, NothingChosenError, files, printable, readable

from ._choice_options import choice
from ._pipeline_file import PipelineFileError, load_pipeline, modules_beside
from ._teller import Teller, a_teller
from ._viewers_by_port import HOST
from ._viewers_table import new_console


def run_as_said(options: argparse.Namespace) -> int:
    """Run what the options say; return the exit status."""
    with a_teller() as teller:
        try:
            pipeline, module = load_pipeline(options.pipeline)
            opened = open_plate(options.plate, maker=options.maker, pattern=options.pattern)
            plate = _chosen(opened, choice(options), options.pattern)
            _tell_of_left_out(plate, options.pattern, teller)
            report = _run(_to_viewer(pipeline, options), module, plate, options, teller)
        except RunInterruptedError as interrupt:
            teller.say("interrupted")
            report = interrupt.report
        except (HcsError, OSError, ValueError) as error:
            teller.say(str(error))
            return 1
        for trouble in report.troubles:
            teller.say(trouble)
        for well, trace in report.tracebacks.items() if options.traceback else ():
            teller.say(f"well {well}:\n{trace}")
    _tell(report)
    return 1 if report.failures or report.wells_not_run or opened.unreadable else 0


def _tell_of_left_out(plate: Plate, pattern: str | None, teller: Teller) -> None:
    unknown = _of_unknown_names(plate)
    for path, why in plate.unreadable.items():
        teller.say(f"left out: {path}: {why}")
    if unknown:
        teller.say(f"left out: {_unknown(unknown, pattern)}")
    for path in plate.unparsed:
        if path not in unknown and path not in plate.unreadable:
            teller.say(f"cannot be read, and what it says of the plate is left out: {path}")


def _run(
    pipeline: Pipeline, module: ModuleType, plate: Plate, options: argparse.Namespace, teller: Teller
) -> RunReport:
    executor: str = options.executor
    if executor == "dask" or "://" in executor:
        _send_by_value(module)
    return pipeline.run(
        plate,
        options.out,
        executor=executor,
        workers=options.workers,
        resume=options.resume,
        on_progress=lambda done, of: teller.progress("wells", done, of),
    )


def _send_by_value(module: ModuleType) -> None:
    """Let functions travel to workers that have not got the pipeline's folder."""
    try:
        cloudpickle = importlib.import_module("cloudpickle")  # optional, with Dask
    except ImportError:
        return  # what needs it says so
    for each in modules_beside(module):
        cloudpickle.register_pickle_by_value(each)


def _of_unknown_names(plate: Plate) -> list[Path]:
    pictures = [path for path in plate.unparsed if path.suffix.lower() in PICTURES]
    return [path for path in pictures if path not in plate.unreadable]


def _unknown(paths: Sequence[Path], pattern: str | None) -> str:
    advice = f"--pattern {EXAMPLE_OF_PATTERN!r} or the like has them read"
    said = advice if pattern is None else f"they are unlike {pattern!r}"
    return f"{files(len(paths))} of unknown names, such as {readable(paths[0].name)!r}: {said}"


def _chosen(plate: Plate, wanted: Choice, pattern: str | None) -> Plate:
    if not plate.images and (unknown := _of_unknown_names(plate)):
        raise NothingChosenError(f"wanted images in wells, found {_unknown(unknown, pattern)}")
    if not plate.images and plate.unreadable:
        path, why = next(iter(plate.unreadable.items()))
        raise NothingChosenError(
            f"wanted images in wells, found {len(plate.unreadable)} that cannot be read: {path}: {why}"
        )
    images = tuple(image for image in plate.images if wanted.accepts({"well": image.well}))
    if not images:
        wells = ", ".join(dict.fromkeys(image.well for image in plate.images)) or "none at all"
        raise NothingChosenError(f"wanted images in some of the plate's wells, {wells}, found none chosen")
    return msgspec.structs.replace(plate, images=images)


def _to_viewer(pipeline: Pipeline, options: argparse.Namespace) -> Pipeline:
    if options.no_viewer:
        steps = [dataclasses.replace(step, stream="none") for step in pipeline.steps]
        return dataclasses.replace(pipeline, steps=steps)
    changes: dict[str, str | int] = {} if options.port is None else {"napari_port": options.port}
    if (host := ssh_host(options.ssh, options.host)) != HOST:
        changes["napari_host"] = host
    return _with_viewer(pipeline, changes) if changes else pipeline


def _with_viewer(pipeline: Pipeline, changes: dict[str, str | int]) -> Pipeline:
    said = pipeline.config.napari_streaming
    if isinstance(said, Sequence):
        if len(said) != 1:
            wanted = "wanted a pipeline with one viewer for --port, --host and --ssh"
            raise PipelineFileError(f"{wanted}, found {len(said)}: say their ports in the file")
        said = said[0]
    if said is None:
        said = LazyNapariStreamingConfig()
    streaming = dataclasses.replace(said, **changes)  # type: ignore[type-var]  # a twin is made at run time
    config = dataclasses.replace(pipeline.config, napari_streaming=streaming)
    return dataclasses.replace(pipeline, config=config)


def _tell(report: RunReport) -> None:
    sys.stdout.write(f"{report}\n")
    if not report.failures:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("well", no_wrap=True)
    table.add_column("what failed", overflow="fold")
    for well, error in report.failures.items():
        table.add_row(well, printable(" ".join(error.split())))
    new_console(sys.stdout).print(table)
