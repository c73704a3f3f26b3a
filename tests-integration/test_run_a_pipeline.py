"""What the page about pipelines says works."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from synthetic_plate import make_plate

import hcs_stream
from hcs_stream.microscopes import open_plate

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "run-a-pipeline.md"
SCRIPT, LENDING = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]


def test_the_script_shows_and_keeps_what_its_steps_make(
    viewer: hcs_stream.Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCS_DATA_PORT", str(viewer.connection.data_port))
    plate = make_plate(tmp_path / "Assay-7")
    script = tmp_path / "pipeline.py"
    text = SCRIPT.replace("/data/plates/Assay-7", plate.as_posix())
    script.write_text(text.replace("/data/results", (tmp_path / "results").as_posix()))

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)

    assert done.stdout.startswith("6 of 6 wells done; 120 images published, 120 saved"), done.stderr
    layers = {layer.name: layer.images for layer in viewer.state().layers}
    assert layers == {
        "Step_01_denoise_Channel_DAPI": 36,
        "Step_01_denoise_Channel_FITC": 36,
        "Step_02_sharpest_Channel_DAPI": 12,
        "Step_02_sharpest_Channel_FITC": 12,
        "Step_03_cells_Channel_DAPI": 12,
        "Step_03_cells_Channel_FITC": 12,
    }
    (results,) = (tmp_path / "results").iterdir()
    assert {path.name for path in results.glob("Step*")} == {
        "Step_01_denoise.zarr",
        "Step_02_sharpest.zarr",
        "Step_03_cells.zarr",
    }
    assert len(open_plate(results / "Step_02_sharpest.zarr").images) == 24


def test_a_function_that_asks_for_an_array_gets_one_outside_of_a_pipeline_too() -> None:
    names = {"np": np}
    exec(LENDING, names)

    assert names["brighter"](np.zeros((2, 3), "uint8")).sum() == 6  # type: ignore[operator]
