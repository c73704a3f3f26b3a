"""An image goes from a worker's array to the window, and what is seen there is what was sent."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from what_is_seen import canvas_correlation

import hcs_stream
from hcs_protocol import Components, InvalidComponentError

Pixels = npt.NDArray[Any]


def cells(dtype: str = "uint16", shape: tuple[int, int] = (96, 128), phase: float = 0) -> Pixels:
    """Make an image that one recognises."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    image: Pixels = ((np.sin(y / 9 + phase) * np.cos(x / 7) + 1.2) * 100).astype(dtype)
    return image


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "bool"])
def test_the_pixels_in_the_layer_are_the_pixels_that_were_sent(viewer: hcs_stream.Viewer, dtype: str) -> None:
    sent = cells(dtype)

    with hcs_stream.connect(data_port=viewer.connection.data_port) as stream:
        stream.send(sent, well="A01", site=2, channel="DAPI", z_index=3, step=(1, "blur"))
        stream.flush()

    found = viewer.image("Step_01_blur_Channel_DAPI", Components(well="A01", site=2, z_index=3))
    np.testing.assert_array_equal(found, sent)


def test_the_canvas_shows_the_plane_at_the_sliders(viewer: hcs_stream.Viewer, tmp_path: Path) -> None:
    planes = {z: cells(phase=z) for z in (1, 2, 10)}
    with hcs_stream.connect(data_port=viewer.connection.data_port) as stream:
        for z, plane in planes.items():
            stream.send(plane, well="B03", z_index=z, channel="GFP")
        stream.flush()

    viewer.navigate(z_index=10)
    viewer.screenshot(tmp_path / "canvas.png", canvas_only=True)

    png, state = (tmp_path / "canvas.png").read_bytes(), viewer.state()
    seen = {z: canvas_correlation(png, state, plane) for z, plane in planes.items()}
    assert seen[10] > 0.9 > max(seen[1], seen[2])
    assert viewer.state().axes["z_index"] == [1, 2, 10]


def test_an_overview_is_found_beside_the_sites(viewer: hcs_stream.Viewer) -> None:
    overview = cells(phase=5)
    with hcs_stream.connect(data_port=viewer.connection.data_port) as stream:
        stream.send(cells(phase=1), well="A01", site=1, channel="GFP")
        stream.send(overview, well="A01", channel="GFP")
        stream.flush()

    viewer.navigate(without="site")

    np.testing.assert_array_equal(viewer.image("Channel_GFP"), overview)
    there = viewer.image("Channel_GFP", well="A01", without=["site"])
    np.testing.assert_array_equal(there, overview)
    with pytest.raises(InvalidComponentError, match="wanted plate"):
        viewer.navigate(without=["zz"])
    with pytest.raises(InvalidComponentError, match="wanted plate"):
        viewer.navigate({"well": "A01"}, zz=1)


def test_volumes_labels_and_colours_have_layers_of_their_own(viewer: hcs_stream.Viewer) -> None:
    volume = np.stack([cells(phase=z) for z in range(4)])
    colours = np.stack([cells("uint8", phase=c) for c in range(3)], axis=-1)

    with hcs_stream.connect(data_port=viewer.connection.data_port) as stream:
        stream.send(volume, well="A01", step=(1, "volume"))
        stream.send(cells("uint16") > 100, well="A01", step=(2, "cells"), kind="labels")
        stream.send(colours, well="A01", step=(3, "overview"))
        stream.flush()

    layers = {layer.name: layer for layer in viewer.state().layers}
    assert [layer.kind for layer in layers.values()] == ["image", "image", "labels"]
    np.testing.assert_array_equal(viewer.image("Step_01_volume", Components(z_index=3)), volume[2])
    np.testing.assert_array_equal(viewer.image("Step_03_overview"), colours)


def test_images_sent_before_the_viewer_is_ready_arrive(data_port: int) -> None:
    with hcs_stream.connect(data_port=data_port, persistent=False, wait=False) as early:
        for site in range(20):
            early.send(cells(phase=site), well="C04", site=site)

        with hcs_stream.connect(data_port=data_port):  # ready now
            early.flush()
            viewer = hcs_stream.find_viewer(data_port)

        assert viewer is not None
        shown = viewer.image("Image", Components(well="C04", site=13))
        np.testing.assert_array_equal(shown, cells(phase=13))
        viewer.stop()


def test_what_no_viewer_can_draw_is_refused_where_it_is_sent(viewer: hcs_stream.Viewer) -> None:
    with hcs_stream.connect(data_port=viewer.connection.data_port) as stream:
        for wrong in (np.zeros(5), np.zeros((2, 2), complex), "no array", np.zeros((2, 3, 4, 5))):
            with pytest.raises(TypeError):
                stream.send(wrong, well="A01")

        stream.send(cells(), well="A01")
        stream.flush()

    assert [layer.images for layer in viewer.state().layers] == [1]
