"""`hcs-stream run` takes a plate through the pipeline of a file, wherever its workers are."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from test_pipeline_workers_die import dask_cluster

import hcs_stream
from hcs_protocol import Components, State

Wait = Callable[[hcs_stream.Viewer, Callable[[State], bool]], State]
Begin = Callable[[list[str]], "subprocess.Popen[str]"]

HELPER = """
def doubled(image):
    return 2 * image
"""
PIPELINE = """
from beside import doubled

from hcs_stream.pipeline import Pipeline, Step


def bright(image):
    if not image.any():
        raise ValueError("this image is black")
    return image > image.mean()


pipeline = Pipeline([Step(doubled), Step(bright)])
"""
SLOW = """
import pathlib
import threading

from hcs_stream.pipeline import Pipeline, Step


def slow(image):
    pathlib.Path({fifo!r}).write_text("begun")
    threading.Event().wait(100)
    return image


pipeline = Pipeline([Step(slow)])
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A pipeline in a file, which imports from another beside it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "beside.py").write_text(HELPER)
    (folder / "my_pipeline.py").write_text(PIPELINE)
    return folder / "my_pipeline.py"


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """Three wells of one image, the last of them black."""
    folder = tmp_path / "plate"
    folder.mkdir()
    for value, well in ((1, "A01"), (2, "B02"), (0, "C03")):
        image = (value * np.arange(64)).reshape(8, 8).astype("uint16")
        tifffile.imwrite(folder / f"Assay_{well}_s1_w1.TIF", image)
    return folder


def command(viewer: hcs_stream.Viewer, *arguments: object) -> list[str]:
    port = str(viewer.connection.data_port)
    return [sys.executable, "-m", "hcs_stream", "run", "--port", port, *map(str, arguments)]


def run(viewer: hcs_stream.Viewer, *arguments: object) -> subprocess.CompletedProcess[str]:
    line = command(viewer, *arguments)
    return subprocess.run(line, capture_output=True, text=True, timeout=110, check=False)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("executor", ["serial", "threads", "processes", "dask"])
def test_the_same_file_runs_on_any_executor(
    executor: str, viewer: hcs_stream.Viewer, file: Path, plate: Path, tmp_path: Path, wait_until: Wait
) -> None:
    options = ("--executor", executor, "--workers", 1, "--wells", "A*,B02", "--out", tmp_path / "out")

    done = run(viewer, file, plate, *options)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 of 2 wells done; 4 images published, 4 saved\n"
    state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == 4)
    assert [layer.name for layer in state.layers] == ["Step_01_doubled_Channel_1", "Step_02_bright_Channel_1"]
    found = viewer.image("Step_01_doubled_Channel_1", Components(plate="Assay", well="B02", site=1))
    np.testing.assert_array_equal(found.ravel(), 4 * np.arange(64))


@pytest.mark.timeout(120)
def test_workers_elsewhere_need_neither_the_file_nor_what_lies_beside_it(
    viewer: hcs_stream.Viewer, file: Path, plate: Path, tmp_path: Path
) -> None:
    with dask_cluster(tmp_path, workers=2, have_nannies=False) as address:
        done = run(viewer, file, plate, "--executor", address, "--wells", "A01,B02")

    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 of 2 wells done; 4 images published, 0 saved\n"


@pytest.mark.timeout(120)
def test_wells_that_failed_are_told_with_the_reason_and_a_resumed_run_takes_them_alone(
    viewer: hcs_stream.Viewer, file: Path, plate: Path, tmp_path: Path
) -> None:
    first = run(viewer, file, plate, "--executor", "threads", "--out", tmp_path / "out", "--traceback")
    second = run(viewer, file, plate, "--executor", "threads", "--out", tmp_path / "out", "--resume")

    assert (first.returncode, second.returncode) == (1, 1)
    assert first.stdout.startswith("2 of 3 wells done, 1 failed; ")
    assert "C03" in first.stdout
    assert "this image is black" in first.stdout
    assert "Traceback" in first.stderr
    assert "2 skipped, 1 failed" in second.stdout


def test_without_a_viewer_results_are_kept(
    data_port: int, file: Path, plate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCS_DATA_PORT", str(data_port))
    options = ["--no-viewer", "--wells", "A01", "--executor", "serial", "--out", str(tmp_path / "out")]
    line = [sys.executable, "-m", "hcs_stream", "run", str(file), str(plate), *options]
    done = subprocess.run(line, capture_output=True, text=True, timeout=55, check=False)

    assert done.stdout == "1 of 1 wells done; 0 images published, 2 saved\n", done.stderr
    assert hcs_stream.find_viewer(data_port) is None


def test_names_of_ones_own_are_read_by_a_pattern_and_else_one_is_advised(
    viewer: hcs_stream.Viewer, file: Path, plate: Path
) -> None:
    for path in sorted(plate.iterdir())[:2]:
        path.rename(plate / f"{path.name[6:9]} of today.tif")
    (plate / "Assay_C03_s1_w1.TIF").rename(plate / "overview.tif")

    advised = run(viewer, file, plate, "--no-viewer")
    done = run(viewer, file, plate, "--no-viewer", "--pattern", "{well} of *.tif")

    assert "found 3 files of unknown names, such as " in advised.stderr
    assert "--pattern '{well}_f{site}_{channel}_z{z_index}.tif'" in advised.stderr
    assert done.returncode == 0, done.stderr
    assert "left out: 1 file of unknown names, such as 'overview.tif': they are unlike" in done.stderr


def test_what_of_a_plate_cannot_be_read_is_left_out_and_no_success(
    viewer: hcs_stream.Viewer, file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "Assay.zarr"
    said: dict[str, dict[str, Any]] = {
        ".": {"plate": {"wells": [{"path": "A/01"}, {"path": "B/01"}]}},
        "A/01": {"well": {"images": [{"path": "0"}]}},
        "A/01/0": {"multiscales": [{"axes": ["y", "x"], "datasets": [{"path": "0"}]}]},
    }
    for group, attributes in said.items():
        zarr.open_group(folder / group, mode="a", zarr_format=2).attrs.update(attributes)
    array = zarr.create_array(folder / "A/01/0/0", shape=(8, 8), dtype="u2", zarr_format=2)
    array[:] = np.arange(64).reshape(8, 8)

    some = run(viewer, file, folder, "--executor", "serial")
    shutil.rmtree(folder / "A")
    none = run(viewer, file, folder, "--executor", "serial")

    assert (some.returncode, some.stdout) == (1, "1 of 1 wells done; 2 images published, 0 saved\n")
    assert f"left out: {folder / 'B/01'}: " in some.stderr
    assert (none.returncode, none.stdout) == (1, "")
    assert f"found 2 that cannot be read: {folder / 'A/01'}: " in none.stderr


def test_metadata_that_cannot_be_read_are_no_images_of_unknown_names(
    viewer: hcs_stream.Viewer, file: Path, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "r01c01f01p01-ch1.tiff", np.arange(64, dtype="uint16").reshape(8, 8))
    (tmp_path / "Index.idx.xml").write_text("<Plates><Plate>")

    done = run(viewer, file, tmp_path, "--executor", "serial")

    assert done.returncode == 0, done.stderr
    assert f"cannot be read, and what it says of the plate is left out: {tmp_path}" in done.stderr
    assert "unknown name" not in done.stderr


def test_wells_that_there_are_not_are_named(viewer: hcs_stream.Viewer, file: Path, plate: Path) -> None:
    done = run(viewer, file, plate, "--wells", "H*")

    assert (done.returncode, done.stdout) == (1, "")
    assert "wells, A01, B02, C03, found none chosen" in done.stderr


@pytest.mark.timeout(120)
@pytest.mark.skipif(sys.platform == "win32", reason="no Ctrl-C to send")
def test_ctrl_c_ends_a_run_and_says_what_was_done(
    viewer: hcs_stream.Viewer,
    plate: Path,
    tmp_path: Path,
    own_places: Path,
    wait_until: Wait,
    interruptible: Begin,
) -> None:
    os.mkfifo(tmp_path / "begun")
    (tmp_path / "slow.py").write_text(SLOW.format(fifo=str(tmp_path / "begun")))
    line = command(viewer, tmp_path / "slow.py", plate, "--executor", "processes", "--workers", 1)
    process = interruptible(line)
    (tmp_path / "begun").read_text()  # returns when a worker has written
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=100)
    wait_until(viewer, lambda _: not any(own_places.iterdir()))  # the viewer has what was under way

    assert process.returncode == 1
    assert "interrupted" in errors
    assert said.startswith("0 of 3 wells done, 3 not run")


def test_a_file_without_a_pipeline_is_refused(viewer: hcs_stream.Viewer, plate: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing.py").write_text("x = 1\n")

    done = run(viewer, tmp_path / "nothing.py", plate)

    assert (done.returncode, done.stdout) == (1, "")
    assert "wanted a Python file that defines 'pipeline = Pipeline([…])'" in done.stderr
