"""A worker of a pipeline is killed in mid-run: the run completes, nothing is lost, nothing is shown twice."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import tifffile
from what_steps_do import brighter, doubled, kill_worker, kill_worker_once

import hcs_stream
from hcs_protocol import State
from hcs_stream.config import NapariStreamingConfig
from hcs_stream.microscopes import Plate, open_plate
from hcs_stream.pipeline import Pipeline, PipelineConfig, RunReport, Step
from hcs_stream.storage import ZarrOutput

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by signals"),
]

WELLS = [f"{row}{column:02d}" for row in "AB" for column in (1, 2, 3)]
SITES = range(1, 9)
DEADLY = "B01", 5
"""The well and the site at which a worker is killed, after it has published four sites of the well."""
WaitUntil = Callable[[hcs_stream.Viewer, Callable[[State], bool]], State]


def grey_value(well: str, site: int) -> int:
    return 100 * (WELLS.index(well) + 1) + site


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    """Six wells of eight sites, each of one grey value of its own."""
    folder = tmp_path / "P"
    folder.mkdir()
    for well in WELLS:
        for site in SITES:
            image = np.full((64, 64), grey_value(well, site), "uint16")
            tifffile.imwrite(folder / f"P_{well}_s{site}_w1.TIF", image)
    return open_plate(folder)


def deadly_pipeline(viewer: hcs_stream.Viewer, marker: Path) -> Pipeline:
    """Return three steps of which the second kills its worker, once."""
    settings = {"at": 2 * grey_value(*DEADLY), "marker": str(marker)}
    steps = Step(doubled), Step((kill_worker_once, settings), name="deadly"), Step((brighter, {"by": 7}))
    streaming = NapariStreamingConfig(napari_port=viewer.connection.data_port)
    return Pipeline(steps, PipelineConfig(napari_streaming=streaming))


def check_all_is_there_once(viewer: hcs_stream.Viewer, wait_until: WaitUntil, output: Path) -> None:
    """Compare what the viewer's layers and the output have with what the files' pixels give."""
    images = len(WELLS) * len(SITES)
    state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) >= 3 * images)
    assert {layer.name: layer.images for layer in state.layers} == {
        "Step_01_doubled_Channel_1": images,
        "Step_02_deadly_Channel_1": images,
        "Step_03_brighter_Channel_1": images,
    }
    for well in WELLS:
        for site in SITES:
            wanted = 2 * grey_value(well, site)
            at: dict[str, str | int | None] = {"plate": "P", "well": well, "site": site}
            assert np.all(viewer.image("Step_01_doubled_Channel_1", at) == wanted)
            assert np.all(viewer.image("Step_03_brighter_Channel_1", at) == wanted + 7)
            kept = ZarrOutput(output / "P").read({**at, "channel": "1"}, step=(3, "brighter"))
            assert np.all(kept == wanted + 7)


def test_killing_a_worker_process_neither_loses_nor_doubles_an_image(
    viewer: hcs_stream.Viewer, plate: Plate, tmp_path: Path, wait_until: WaitUntil
) -> None:
    pipeline = deadly_pipeline(viewer, tmp_path / "killed")

    report = pipeline.run(plate, tmp_path / "out", executor="processes", workers=2)

    assert (tmp_path / "killed").exists()
    assert (report.failures, report.images_published, len(report.wells_done)) == ({}, 3 * 48, 6)
    check_all_is_there_once(viewer, wait_until, tmp_path / "out")


def test_a_pool_that_breaks_is_replaced_and_its_unfinished_wells_run_again(
    viewer: hcs_stream.Viewer, plate: Plate, tmp_path: Path, wait_until: WaitUntil
) -> None:
    pipeline = deadly_pipeline(viewer, tmp_path / "killed")

    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        report = pipeline.run(plate, tmp_path / "out", executor=pool)

    assert (tmp_path / "killed").exists()
    assert (report.failures, report.images_published, len(report.wells_done)) == ({}, 3 * 48, 6)
    check_all_is_there_once(viewer, wait_until, tmp_path / "out")


def test_killing_a_dask_worker_neither_loses_nor_doubles_an_image(
    viewer: hcs_stream.Viewer, plate: Plate, tmp_path: Path, wait_until: WaitUntil
) -> None:
    pipeline = deadly_pipeline(viewer, tmp_path / "killed")

    with dask_cluster(tmp_path, workers=2) as address:
        report = pipeline.run(plate, tmp_path / "out", executor=address)

    assert address.startswith("tcp://")
    assert (tmp_path / "killed").exists()
    assert (report.failures, report.images_published, len(report.wells_done)) == ({}, 3 * 48, 6)
    check_all_is_there_once(viewer, wait_until, tmp_path / "out")


def test_a_well_that_kills_every_process_is_given_up(plate: Plate) -> None:
    report = poisoned_pipeline().run(plate, executor="processes", workers=2)

    check_one_is_given_up(report)


def test_a_well_that_kills_every_dask_worker_is_given_up(plate: Plate, tmp_path: Path) -> None:
    steps = Step(lambda image: image, "of no module"), *poisoned_pipeline().steps

    with dask_cluster(tmp_path, workers=2, allowed_failures=0) as address:
        report = Pipeline(steps, PipelineConfig()).run(plate, executor=address)

    check_one_is_given_up(report)


def poisoned_pipeline() -> Pipeline:
    """Return a step that kills its worker whenever it gets to one of the images."""
    return Pipeline([Step((kill_worker, {"at": grey_value(*DEADLY)}))], PipelineConfig())


def check_one_is_given_up(report: RunReport) -> None:
    assert list(report.failures) == ["B01"]
    assert "its worker died" in report.failures["B01"]
    assert len(report.wells_done) == 5


@contextmanager
def dask_cluster(
    folder: Path, *, workers: int, allowed_failures: int = 3, have_nannies: bool = True
) -> Iterator[str]:
    """Start a scheduler and worker processes that talk over TCP; yield the scheduler's address.

    Without nannies, processes beside them, workers come at once and stay away when they die.
    """
    environment = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(allowed_failures)}
    dask = [sys.executable, "-m", "dask"]
    local = ["--host", "127.0.0.1", "--no-dashboard"]
    command = [*dask, "scheduler", *local, "--port", "0"]
    scheduler = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment)
    processes = [scheduler]
    try:
        assert scheduler.stderr is not None
        line = next(line for line in scheduler.stderr if "Scheduler at:" in line)
        address = line.rpartition(" ")[2].strip()
        command = [*dask, "worker", address, *local, "--nthreads", "1"]
        command += ["--local-directory", str(folder), "--death-timeout", "20"]
        command += [] if have_nannies else ["--no-nanny"]
        processes += [
            subprocess.Popen(command, stderr=subprocess.DEVNULL, text=True, cwd=Path(__file__).parent)
            for _ in range(workers)
        ]
        yield address
    finally:
        for process in reversed(processes):  # workers first: without a scheduler they look for it
            process.terminate()
            with process:
                try:
                    process.communicate(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()
