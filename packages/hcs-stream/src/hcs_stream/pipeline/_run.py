"""Run steps over a plate, one well at a time in each worker process."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from itertools import groupby

import msgspec

import hcs_protocol as protocol
from hcs_stream import Stream, connect
from hcs_stream.microscopes import ImageFile, Plate

from ._step import Step
from ._worker import WellReport, process_well, start_worker

Progress = Callable[[int, int], None]


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did."""

    run: str
    images_published: int
    failures: dict[str, str]
    """Of each well that failed, what went wrong."""
    shown_before_last_published: bool
    """Whether a worker knew of a shown image before it published its last one."""


def run(
    plate: Plate,
    steps: Sequence[Step],
    *,
    data_port: int | None = None,
    workers: int = 2,
    display: protocol.DisplayConfiguration | None = None,
    on_progress: Progress = lambda done, of: None,
) -> RunReport:
    """Run steps over all images of a plate and stream what each step makes of each image.

    An error in one well does not stop the others.

    Args:
        plate: The images; those of one well are processed by one worker, in order.
        steps: Each gets what the one before it returned, the first gets the image on disk.
        data_port: The viewer's, else ``$HCS_DATA_PORT``, else 5555; one is started if none runs there.
        workers: How many processes.
        display: How the images are to be shown.
        on_progress: Called with the number of wells that are done, and of all.
    """
    data_port = protocol.default_data_port() if data_port is None else data_port
    run_id = protocol.new_id()
    wells = [list(images) for _, images in groupby(plate.images, key=lambda image: (image.plate, image.well))]
    reports: list[WellReport] = []
    with connect(data_port=data_port, run=run_id) as stream:
        _declare(stream, plate, steps)
        with _pool(workers, steps, data_port, run_id, display) as pool:
            for future in as_completed([pool.submit(process_well, images) for images in wells]):
                reports.append(future.result())
                on_progress(len(reports), len(wells))
        failures = {report.well: report.error for report in reports if report.error}
        stream.end_run(state="failed" if failures else "completed")
    return RunReport(
        run=run_id,
        images_published=sum(report.images_published for report in reports),
        failures=failures,
        shown_before_last_published=any(report.shown_before_last_published for report in reports),
    )


def _declare(stream: Stream, plate: Plate, steps: Sequence[Step]) -> None:
    stream.declare(
        name=plate.name,
        plates=_values(plate, lambda image: image.plate),
        wells=_values(plate, lambda image: image.well),
        sites=_values(plate, lambda image: image.site),
        channels=_values(plate, lambda image: image.channel),
        z_indexes=_values(plate, lambda image: image.z_index),
        timepoints=_values(plate, lambda image: image.timepoint),
        steps=[(number, step.name) for number, step in enumerate(steps, start=1)],
    )


def _values(plate: Plate, value: Callable[[ImageFile], int | str | None]) -> list[int | str]:
    found = {value(image) for image in plate.images}
    return sorted((v for v in found if v is not None), key=protocol.natural_key)


def _pool(
    workers: int,
    steps: Sequence[Step],
    data_port: int,
    run_id: str,
    display: protocol.DisplayConfiguration | None,
) -> Executor:
    context = multiprocessing.get_context("spawn")  # a fork would take threads and sockets along
    return ProcessPoolExecutor(
        workers,
        mp_context=context,
        initializer=start_worker,
        initargs=(tuple(steps), data_port, run_id, display),
    )
