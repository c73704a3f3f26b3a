"""Every example of docs/examples runs, and shows what it says."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import hcs_stream
from hcs_protocol import State

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
TESTED_ELSEWHERE = {
    "demo.py",
    "foreign_worker.py",
    "gpu_pipeline.py",
    "synthetic_plate.py",
    "virtual_screen.py",
}
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))

Layers = dict[str, int]
Run = Callable[..., tuple[str, Layers]]

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]


@pytest.fixture
def run(viewer: hcs_stream.Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run an example; return what it printed, and how many images lie in each layer."""
    monkeypatch.setenv("HCS_DATA_PORT", str(viewer.connection.data_port))
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES))

    def run_example(name: str, *options: object) -> tuple[str, Layers]:
        command = [sys.executable, str(EXAMPLES / name), *map(str, options)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout, layers_of(viewer.state())

    return run_example


def layers_of(state: State) -> Layers:
    return {layer.name: layer.images for layer in state.layers}


def test_develop_a_pipeline(run: Run) -> None:
    said, layers = run("develop_a_pipeline.py")

    assert said.startswith("sigma 1.0: 1 of 1 wells done")
    assert layers == {
        "Step_01_smooth_Channel_DAPI": 3,
        "Step_01_smooth_Channel_FITC": 3,
        "Step_02_nuclei_Channel_DAPI": 3,
    }


def test_quality_control_of_a_long_run(run: Run) -> None:
    said, layers = run("quality_control_of_a_long_run.py", "--images", 100)

    assert said.startswith("100 images looked at, 4 out of focus")
    assert layers["Step_02_out_of_focus_Channel_DAPI"] == 4
    assert 1 <= layers["Step_01_acquired_Channel_DAPI"] <= 100


def test_compare_steps_side_by_side(run: Run) -> None:
    said, layers = run("compare_steps_side_by_side.py")

    ways = ("Step_01_raw", "Step_02_minus_median", "Step_03_minus_background", "Step_04_tophat")
    assert layers == {f"{way}_Channel_{channel}": 2 for way in ways for channel in ("DAPI", "FITC")}
    assert "press G" in said


def test_plate_with_hundreds_of_sites(run: Run, tmp_path: Path) -> None:
    said, layers = run("plate_with_hundreds_of_sites.py", "--out", tmp_path / "out")

    assert said.startswith("216 sites: 24 of 24 wells done; 240 images published, 24 saved")
    assert layers == {"Step_01_flatten_Channel_DAPI": 216, "Step_02_overview_Channel_DAPI": 24}


def test_on_a_dask_cluster(run: Run, tmp_path: Path) -> None:
    said, layers = run("on_a_dask_cluster.py", "--out", tmp_path / "out")

    assert said.startswith("4 of 4 wells done")
    assert sum(layers.values()) == 4 * 2 * 3 + 4 * 2


def test_the_foreign_worker_says_where_no_viewer_runs(data_port: int) -> None:
    command = [sys.executable, str(EXAMPLES / "foreign_worker.py"), str(data_port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith(f"no viewer runs on port {data_port}: start one with")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebooks_cells_run_twice_in_a_row(
    path: Path, viewer: hcs_stream.Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCS_DATA_PORT", str(viewer.connection.data_port))
    monkeypatch.chdir(tmp_path)
    cells = [
        cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"
    ]
    names: dict[str, object] = {}

    for _ in range(2):
        for number, cell in enumerate(cells):
            exec(compile("".join(cell["source"]), f"{path.name}, cell {number}", "exec"), names)

    assert layers_of(viewer.state()) == {
        "Step_01_raw_Channel_DAPI": 1,
        "Step_02_smooth_Channel_DAPI": 1,
        "Step_03_nuclei": 1,
    }
    assert (tmp_path / "viewer.png").read_bytes().startswith(b"\x89PNG")
    assert not any(cell["outputs"] for cell in cells)


def test_no_example_is_without_a_test() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    there = {path.stem for path in EXAMPLES.glob("*.py") if path.name not in TESTED_ELSEWHERE}

    assert there <= tested
    assert NOTEBOOKS
