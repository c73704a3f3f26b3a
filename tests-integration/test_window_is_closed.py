"""The user closes the window while images come: the pipeline goes on, and the next viewer shows the rest."""

import subprocess
import sys
from collections.abc import Callable

import pytest

import hcs_stream
from hcs_protocol import State

IMAGES = 60
PIPELINE = f"""
import sys
import numpy as np
import hcs_stream

with hcs_stream.connect(data_port=int(sys.argv[1]), persistent=False) as stream:
    for z in range({IMAGES}):
        stream.send(np.full((256, 256), z, "uint16"), z_index=z)
        print(z, flush=True)
        sys.stdin.readline()
    stream.flush()
print("done", flush=True)
"""


@pytest.mark.timeout(150)  # two viewers, one after the other
def test_a_pipeline_goes_on_when_the_window_is_closed_and_the_next_viewer_shows_the_rest(
    data_port: int, wait_until: Callable[[hcs_stream.Viewer, Callable[[State], bool]], State]
) -> None:
    command = [sys.executable, "-c", PIPELINE, str(data_port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as pipeline:
        assert pipeline.stdin is not None
        assert pipeline.stdout is not None
        for z in range(IMAGES):
            assert pipeline.stdout.readline() == f"{z}\n"
            if z == 20:
                first = hcs_stream.find_viewer(data_port)
                assert first is not None
                first.stop()
            print(file=pipeline.stdin, flush=True)
        next_viewer = hcs_stream.start_viewer(data_port, persistent=False)
        try:
            wait_until(next_viewer, _shows_the_last)
            assert pipeline.stdout.readline() == "done\n"
            assert pipeline.wait(30) == 0
        finally:
            next_viewer.stop()


def _shows_the_last(state: State) -> bool:
    planes = state.layers[0].components["z_index"] if state.layers else []
    return planes[-1:] == [IMAGES - 1] and len(planes) > IMAGES // 2
