"""Who asks for a port where a viewer runs gets that viewer, from the same process or another one."""

from collections.abc import Callable
from subprocess import CompletedProcess

import numpy as np

import hcs_stream

SEND_ONE = """
import sys
import numpy as np
import hcs_stream

with hcs_stream.connect(data_port=int(sys.argv[1]), run="same run") as stream:
    stream.send(np.ones((32, 32), "uint8"), well="A01", site=int(sys.argv[2]))
"""

Python = Callable[..., CompletedProcess[str]]


def test_processes_one_after_another_share_a_viewer(viewer: hcs_stream.Viewer, python: Python) -> None:
    for site in (1, 2, 3):
        done = python(SEND_ONE, viewer.connection.data_port, site)
        assert done.returncode == 0, done.stderr

    assert viewer.ping().viewer_run == viewer.connection.viewer_run
    assert [layer.images for layer in viewer.state().layers] == [3]


def test_streams_of_one_process_share_a_viewer(viewer: hcs_stream.Viewer) -> None:
    port = viewer.connection.data_port

    with hcs_stream.connect(data_port=port) as first, hcs_stream.connect(data_port=port) as second:
        first.send(np.ones((8, 8)), well="A01", step=(1, "one"))
        second.send(np.ones((8, 8)), well="A01", step=(2, "two"))
        first.flush()
        second.flush()

    assert {layer.name for layer in viewer.state().layers} == {"Step_01_one", "Step_02_two"}


def test_the_visualizer_of_the_original_finds_a_running_viewer(viewer: hcs_stream.Viewer) -> None:
    visualizer = hcs_stream.NapariStreamVisualizer(None, None, napari_port=viewer.connection.data_port)

    visualizer.start_viewer(async_mode=False)

    assert visualizer.is_running
    found = hcs_stream.find_viewer(viewer.connection.data_port)
    assert found is not None
    assert found.connection == viewer.connection
