"""Folders as microscopes leave them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hcs_stream.microscopes import Plate, open_plate

PLATES = os.environ.get("HCS_TEST_PLATES")


@pytest.fixture
def touch(tmp_path: Path) -> Callable[..., Path]:
    """Make empty files below the test's folder, and return it."""

    def touch(*names: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return touch


@pytest.fixture
def open_real_plate() -> Callable[[str], Plate]:
    """Open one of the makers' plates."""
    if PLATES is None:
        pytest.skip("HCS_TEST_PLATES does not say where the makers' plates are")
    return lambda name: open_plate(Path(str(PLATES)) / name)
