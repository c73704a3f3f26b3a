"""A pipeline ends, or is killed; the viewer and what it shows stay, and the next run finds it."""

import subprocess
import sys

import psutil

import hcs_stream

PIPELINE = """
import sys
import numpy as np
import hcs_stream

stream = hcs_stream.connect(data_port=int(sys.argv[1]), title="Survivor")
for site in range(5):
    stream.send(np.full((64, 64), site, "uint16"), well="A01", site=site, channel="DAPI", step=(1, "blur"))
stream.flush()
print("flushed", flush=True)
sys.stdin.readline()
"""


def test_a_killed_pipeline_leaves_the_viewer_with_its_layers(data_port: int) -> None:
    command = [sys.executable, "-c", PIPELINE, str(data_port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as pipeline:
        assert pipeline.stdout is not None
        assert pipeline.stdout.readline() == "flushed\n"
        pipeline.kill()

    viewer = hcs_stream.find_viewer(data_port)
    assert viewer is not None
    try:
        assert viewer.is_alive
        assert psutil.pid_exists(viewer.connection.pid)
        layers = [(layer.name, layer.images) for layer in viewer.state().layers]
        assert layers == [("Step_01_blur_Channel_DAPI", 5)]
    finally:
        viewer.stop()


def test_a_second_run_adds_layers_of_its_own(data_port: int) -> None:
    for _ in range(2):
        command = [sys.executable, "-c", PIPELINE, str(data_port)]
        subprocess.run(command, input="\n", check=True, capture_output=True, text=True, timeout=50)

    viewer = hcs_stream.find_viewer(data_port)
    assert viewer is not None
    try:
        name = "Step_01_blur_Channel_DAPI"
        assert [layer.name for layer in viewer.state().layers] == [name, f"{name} [run 2]"]
        assert [layer.images for layer in viewer.state().layers] == [5, 5]
    finally:
        viewer.stop()
