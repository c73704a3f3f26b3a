"""The visualizer that a pipeline holds."""

import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcs_protocol import DisplayConfiguration
from hcs_stream import NapariStreamVisualizer
from hcs_stream.config import NapariStreamingConfig

PORT = 23_457


def test_starting_takes_no_longer_than_a_process_takes_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "viewer.py"
    program.write_text("import time; time.sleep(60)")
    monkeypatch.setenv("HCS_VIEWER_COMMAND", shlex.join([sys.executable, str(program)]))
    visualizer = NapariStreamVisualizer(None, None, napari_port=PORT)

    visualizer.start_viewer(async_mode=True)

    assert visualizer.is_running
    visualizer.stop_viewer()
    assert not visualizer.is_running


def test_a_viewer_that_runs_is_used(viewer: Any) -> None:
    visualizer = NapariStreamVisualizer(None, None, napari_port=viewer.connection.data_port)

    visualizer.start_viewer()

    assert visualizer.is_running
    assert visualizer.wait_until_ready(20.0).connection == viewer.connection


@pytest.mark.parametrize(
    "config", [DisplayConfiguration(colormap="magma"), NapariStreamingConfig(colormap="magma")]
)
def test_its_configuration_says_how_images_are_shown(viewer: Any, config: object) -> None:
    visualizer = NapariStreamVisualizer(None, config, napari_port=viewer.connection.data_port)

    with visualizer.connect() as stream:
        stream.send(np.zeros((4, 5), np.uint8))
        stream.flush()

    assert [item.display.colormap for item, _ in viewer.arrived] == ["magma"]


def test_a_new_run_can_take_over_the_layers(viewer: Any) -> None:
    visualizer = NapariStreamVisualizer(napari_port=viewer.connection.data_port, replace_layers=True)

    with visualizer.connect() as stream:
        stream.send(np.zeros((4, 5), np.uint8))

    assert [item.display.replace_layers for item, _ in viewer.arrived] == [True]
