"""A viewer's life from the shell: started, looked at, cleared, frozen, killed."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

import hcs_stream
from hcs_stream.cli import main

Said = Callable[..., tuple[int, str]]


@pytest.fixture
def started(data_port: int) -> Iterator[hcs_stream.Viewer]:
    """A viewer that a command started, which outlives it, but not the test."""
    command = [sys.executable, "-m", "hcs_stream", "start", str(data_port), "--title", "Assay 7"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True).stdout
    viewer = hcs_stream.find_viewer(data_port)
    assert viewer is not None
    yield viewer
    viewer.kill()
    assert said.startswith(f"ready  data {data_port}  control ")


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Run a command: `said("state", 5555)`; returns its exit status, and what it said."""

    def run(*arguments: object) -> tuple[int, str]:
        status = main(list(map(str, arguments)))
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run


def test_a_viewer_is_looked_at_cleared_and_ended(
    started: hcs_stream.Viewer, said: Said, tmp_path: Path, wait_until: Callable[..., object]
) -> None:
    port = started.connection.data_port
    with hcs_stream.connect(data_port=port, run="plate 7") as stream:
        for step in ((1, "gaussian_blur"), (2, "label")):
            stream.send(np.full((32, 48), 7, "uint16"), well="B03", channel="DAPI", step=step)
    wait_until(started, lambda state: len(state.layers) == 2)

    assert said("start", port)[1].startswith(f"runs already  data {port}")
    _shows(said, port, "Step_01_gaussian_blur_Channel_DAPI", "Step_02_label_Channel_DAPI")
    _has_its_picture_taken(said, port, tmp_path)
    _is_cleared_of_a_step(said, port)
    _is_frozen_and_killed(said, started)


def _shows(said: Said, port: int, *layers: str) -> None:
    shown = json.loads(said("state", port, "--json")[1])
    assert [layer["name"] for layer in shown["layers"]] == list(layers)
    lines = said("state", port)[1].splitlines()
    assert lines[0] == f"Assay 7  data {port}"
    assert [line.split()[0] for line in lines if "Step_" in line] == list(reversed(layers))
    assert any(line.split()[:2] == ["well", "B03"] for line in lines)


def _has_its_picture_taken(said: Said, port: int, folder: Path) -> None:
    sizes = []
    for options in ([], ["--canvas-only"]):
        assert said("screenshot", port, folder / "window.png", *options)[0] == 0
        with Image.open(folder / "window.png") as picture:
            sizes.append(picture.size)
    assert sizes[0] > sizes[1]


def _is_cleared_of_a_step(said: Said, port: int) -> None:
    clear = ("clear", port, "--step", "gaussian_blur")
    assert said(*clear, "--run", "plate 7") == (
        0,
        f"cleared viewer {port} 'Assay 7': 2 layers before, 1 now\n",
    )
    status, why = said(*clear)
    assert status == 1
    assert "no layer is of step 'gaussian_blur'; there are Step_02_label" in why


def _is_frozen_and_killed(said: Said, viewer: hcs_stream.Viewer) -> None:
    port = viewer.connection.data_port
    if hasattr(signal, "SIGSTOP"):
        psutil.Process(viewer.connection.pid).suspend()
        deadline = time.monotonic() + 30
        while not viewer.is_stopped:  # it may be in the middle of something
            assert time.monotonic() < deadline, "it never came about"
        status, why = said("state", port)
        assert status == 1
        assert f"'hcs-stream kill {port}' ends it" in why
    assert said("kill", port) == (0, f"viewer {port} 'Assay 7' was killed\n")
    assert not viewer.is_alive
    assert said("stop", port)[0] == 1


def test_a_port_of_another_program_is_status_3(data_port: int, said: Said) -> None:
    with socket.create_server(("127.0.0.1", data_port)):
        assert said("start", data_port)[0] == 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have a screen")
def test_no_display_is_status_4(data_port: int, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)

    status, why = said("start", data_port)

    assert status == 4
    assert "no display: set DISPLAY" in why
