"""What the page about normal use says works, block after block."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hcs_stream

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "tutorials" / "five-minutes.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]


@pytest.fixture
def port(data_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The usual port of somebody who has a folder of their own; no viewer of it outlives the test."""
    monkeypatch.setenv("HCS_DATA_PORT", str(data_port))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    yield data_port
    if viewer := hcs_stream.find_viewer(data_port):
        viewer.kill()


def run(language: str, text: str, port: int) -> str:
    """Run a block as a reader does; return what it printed."""
    if language == "python":
        Path("block.py").write_text(text, encoding="utf-8")
        command = [sys.executable, "block.py"]
    else:
        command = ["bash", "-ec", text.replace("5555", str(port))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def layers(port: int) -> dict[str, int]:
    viewer = hcs_stream.find_viewer(port)
    assert viewer is not None
    return {layer.name: layer.images for layer in viewer.state().layers}


def test_it_begins_with_what_is_to_be_installed() -> None:
    assert BLOCKS[0] == ("bash", "pip install hcs-stream hcs-viewer\n")


@pytest.mark.skipif(sys.platform == "win32", reason="its commands are for a shell")
def test_each_block_does_what_the_page_says(port: int) -> None:
    send, state, pipeline, plate, show, close, again = BLOCKS[1:]

    run(*send, port)
    assert layers(port) == {"Channel_DAPI": 3, "Channel_GFP": 3}
    assert "Channel_GFP" in run(*state, port)
    run(*pipeline, port)
    assert layers(port).items() >= {"Step_01_raw_Channel_DAPI": 4, "Step_02_mask_Channel_DAPI": 4}.items()
    run(*plate, port)
    assert "sent 8 of 8 images" in run(*show, port)
    assert f"viewer {port}" in run(*close, port)
    assert "sent 4 of 4 images" in run(*again, port)
    assert hcs_stream.find_viewer(port) is None


def test_the_pages_that_it_names_are_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)

    assert [link for link in links if not (DOCS / "tutorials" / link).exists()] == []
