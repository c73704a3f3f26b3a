"""What also lies on a plate is dropped from a full viewer's memory, and read again from there."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import hcs_stream
from hcs_protocol import State
from hcs_stream.storage import FileManager

Wait = Callable[[hcs_stream.Viewer, Callable[[State], bool]], State]

IMAGES = 24
SIDE = 1500


@pytest.mark.parametrize("kept", ["zarr", "disk"])
def test_a_viewer_with_little_memory_reads_again_what_lies_elsewhere(
    kept: str, data_port: int, tmp_path: Path, wait_until: Wait
) -> None:
    viewer_command = [sys.executable, "-m", "hcs_viewer", "--memory", "64M"]
    images = [np.full((SIDE, SIDE), number, np.uint16) for number in range(1, IMAGES + 1)]
    paths = [tmp_path / f"A01_s{number}_w1_z1_t1.tif" for number in range(1, IMAGES + 1)]

    with FileManager() as filemanager:
        filemanager.save_batch(
            images,
            paths,
            [kept, "napari_stream"],
            napari_port=data_port,
            viewer_command=viewer_command,
            persistent=False,
        )
        filemanager.flush()
        viewer = hcs_stream.find_viewer(data_port)
        assert viewer is not None
        state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == IMAGES)
        layer = state.layers[0]
        found = [
            int(viewer.image(layer.name, {"site": number, **_others(layer.components)})[-1, -1])
            for number in range(1, IMAGES + 1)
        ]
        viewer.stop()

    assert found == list(range(1, IMAGES + 1))


def _others(components: dict[str, list[int | str | None]]) -> dict[str, int | str]:
    return {
        name: values[0]
        for name, values in components.items()
        if name != "site" and len(values) == 1 and values[0] is not None
    }
