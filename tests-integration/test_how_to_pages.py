"""What pages about saving and showing images say works."""

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import hcs_stream

HOW_TO = Path(__file__).parents[1] / "docs" / "how-to"

Run = Callable[[str], dict[str, int]]

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (HOW_TO / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def shown(
    viewer: hcs_stream.Viewer,
    python: Callable[[str], CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Run:
    """Run lines of a page in a folder of their own; return how many images lie in each layer."""
    monkeypatch.setenv("HCS_DATA_PORT", str(viewer.connection.data_port))
    monkeypatch.chdir(tmp_path)

    def run(lines: str) -> dict[str, int]:
        done = python(lines)
        assert done.returncode == 0, done.stderr
        return {layer.name: layer.images for layer in viewer.state().layers}

    return run


def test_one_image_is_shown_otherwise_and_keeps_the_modes_of_the_others(shown: Run) -> None:
    lines, _ = blocks("say-how-images-are-shown.md")

    layers = {f"Channel_{channel}_Site_{site:03d}": 1 for channel in ("DAPI", "GFP") for site in (1, 2)}
    assert shown(lines) == layers


def test_colours_and_planes_are_what_the_page_says(shown: Run, viewer: hcs_stream.Viewer) -> None:
    _, lines = blocks("say-how-images-are-shown.md")

    shown(lines)

    assert {layer.name: layer.shape[-3:] for layer in viewer.state().layers} == {
        "Step_00_colour": [64, 64, 3],
        "Step_00_colour_too": [64, 64, 3],
        "Step_00_planes_11_to_15": [10, 64, 64],
        "Step_00_five_narrow_planes": [10, 64, 3],
    }


def test_images_are_streamed_then_saved_and_streamed(shown: Run, tmp_path: Path) -> None:
    stream, save_and_stream, *_ = blocks("save-and-stream.md")

    assert shown(stream + save_and_stream) == {"Channel_1": 9, "Step_02_blur_Channel_1": 9}
    assert len(list((tmp_path / "blurred").glob("*.tif"))) == 9
