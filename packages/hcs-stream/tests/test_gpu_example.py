"""The example of a pipeline on the GPU does what it says, on whatever device there is."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

torch: Any = pytest.importorskip("torch", reason="torch is not installed", exc_type=ImportError)

pytestmark = pytest.mark.torch

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


def test_it_sends_what_each_step_makes(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCS_DATA_PORT", str(viewer.connection.data_port))
    command = [sys.executable, str(EXAMPLES / "gpu_pipeline.py"), "--wells", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr

    sent = [
        (item.address.step.name, item.address.components.well, item.spec.dtype) for item, _ in viewer.arrived
    ]
    assert sent == [
        (step, well, dtype)
        for well in ("A01", "A02")
        for step, dtype in (
            *(("acquired", "uint16"), ("flat field", "float32"), ("blur", "float32")),
            *(("threshold", "bool"), ("objects", "int32")),
        )
    ]
    *_, (mask_item, mask), (_, numbers) = viewer.arrived
    pixels = np.frombuffer(mask, bool).reshape(mask_item.spec.shape)
    _, count = ndimage.label(pixels, np.ones((3, 3)))
    assert np.frombuffer(numbers, np.int32).max() == count > 10
    assert done.stdout.endswith(f"in 2 wells, on {'cuda' if torch.cuda.is_available() else 'cpu'}\n")
