"""The colormaps that a pipeline can name are those of the napari that is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from napari_colormaps import module

SCRIPT = Path(__file__).parents[1] / ".ci" / "napari_colormaps.py"


def test_the_colormaps_are_those_of_the_installed_napari() -> None:
    done = subprocess.run(  # apart: viewers that run in this process add colormaps of their own
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False
    )

    assert done.stdout == "up to date\n", done.stdout + done.stderr


def test_names_that_make_one_member_are_refused() -> None:
    assert '    BOP_BLUE = "bop blue"\n' in module(["bop blue", "gray"])
    with pytest.raises(SystemExit, match="wanted names that make members"):
        module(["a b", "a_b"])
    with pytest.raises(SystemExit, match="'3D'"):
        module(["3d"])
