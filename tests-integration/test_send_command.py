"""`hcs-stream send` shows plates, with what their metadata say of them, and whatever else is an image."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import zarr

import hcs_stream
from hcs_protocol import Components, State
from hcs_stream.config import NapariStreamingConfig
from hcs_stream.microscopes import format_htd, open_plate
from hcs_stream.pipeline import Pipeline, PipelineConfig, Step
from hcs_stream.storage import ZarrPlate

Wait = Callable[[hcs_stream.Viewer, Callable[[State], bool]], State]
Begin = Callable[[list[str]], "subprocess.Popen[str]"]

needs_plates = pytest.mark.skipif(
    not os.environ.get("HCS_TEST_PLATES"), reason="HCS_TEST_PLATES names no folder of plates"
)


def command(viewer: hcs_stream.Viewer, *arguments: object) -> list[str]:
    port = str(viewer.connection.data_port)
    return [sys.executable, "-m", "hcs_stream", "send", "--port", port, *map(str, arguments)]


def send(viewer: hcs_stream.Viewer, *arguments: object) -> subprocess.CompletedProcess[str]:
    line = command(viewer, *arguments)
    return subprocess.run(line, capture_output=True, text=True, timeout=55, check=False)


def make_plate(folder: Path, wells: list[str]) -> Path:
    """Write two sites of two channels of each well, as an exported ImageXpress plate."""
    for place, well in enumerate(wells):
        for site in (1, 2):
            for channel in (1, 2):
                image = np.full((8, 8), 100 * place + 10 * site + channel, "uint16")
                tifffile.imwrite(folder / f"Assay_{well}_s{site}_w{channel}.TIF", image)
    (folder / "Assay.HTD").write_text(format_htd({"1": "DAPI", "2": "FITC"}), encoding="latin-1", newline="")
    return folder


@needs_plates
def test_a_phenix_plate_has_six_named_channels_and_its_pixel_size(
    viewer: hcs_stream.Viewer, wait_until: Wait
) -> None:
    done = send(viewer, Path(os.environ["HCS_TEST_PLATES"]) / "opera-phenix-v5")

    state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == 6)
    names = ("488 650", "Alexa 488", "Alexa 568", "Alexa 647", "Brightfield high", "Digital Phase Contrast")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sent 6 of 6 images to localhost:")
    assert {layer.name for layer in state.layers} == {f"Channel_{name.replace(' ', '_')}" for name in names}
    size = 0.5979760809567617  # µm, as Index.idx.xml has it
    assert state.camera_center[-1] == pytest.approx((1080 - 1) * size / 2, abs=size)


def test_what_is_chosen_is_sent_at_its_address(
    viewer: hcs_stream.Viewer, wait_until: Wait, tmp_path: Path
) -> None:
    make_plate(tmp_path, ["A01", "A02", "B01", "C03"])

    done = send(viewer, tmp_path, "--wells", "A01-B02", "--channel", "FITC", "--site", 2, "--step", "raw")

    state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == 3)
    assert done.stdout.endswith("; skipped 1 other file, 13 not chosen\n")
    assert [layer.name for layer in state.layers] == ["Step_00_raw_Channel_FITC"]
    found = viewer.image(state.layers[0].name, Components(plate="Assay", well="B01", site=2))
    assert np.unique(found).tolist() == [222]


def test_an_image_that_cannot_be_read_is_named_and_the_others_are_sent(
    viewer: hcs_stream.Viewer, wait_until: Wait, tmp_path: Path
) -> None:
    broken = make_plate(tmp_path, ["A01"]) / "Assay_A01_s2_w1.TIF"
    broken.write_bytes(broken.read_bytes()[:60])

    done = send(viewer, tmp_path)

    wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == 3)
    assert done.returncode == 1
    assert f"not sent: {broken}" in done.stderr
    assert done.stdout.startswith("sent 3 of 4 images")
    assert done.stdout.endswith("1 unreadable\n")


def test_files_of_any_name_and_stacks_are_shown(
    viewer: hcs_stream.Viewer, wait_until: Wait, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "my result.tif", np.ones((8, 8), "uint8"))
    stack = np.arange(3 * 64, dtype="uint8").reshape(3, 8, 8)
    tifffile.imwrite(tmp_path / "stack.tif", stack, metadata={"axes": "ZYX"}, photometric="minisblack")

    done = send(viewer, tmp_path / "*.tif")

    state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == 4)
    assert done.stdout.startswith("sent 4 of 4 images")
    assert state.axes["site"] == ["my result", "stack"]
    layer = next(layer.name for layer in state.layers if layer.images == 3)
    assert viewer.image(layer, Components(site="stack", z_index=2))[0, 0] == 64


def test_images_that_no_grammar_knows_are_told_of_with_an_advice(
    viewer: hcs_stream.Viewer, wait_until: Wait, tmp_path: Path
) -> None:
    for well in ("A1", "B2"):
        tifffile.imwrite(tmp_path / f"VID7_{well}_1_2020y05m28d_17h44m.tif", np.ones((8, 8), "uint8"))

    done = send(viewer, tmp_path)

    wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == 2)
    assert done.returncode == 0
    assert "2 images have names of no known maker, such as 'VID7_A1_1_2020y05m28d_17h44m.tif'" in done.stderr
    assert "--pattern '{well}_f{site}_{channel}_z{z_index}.tif' or the like has them read" in done.stderr


def test_names_of_ones_own_are_read_by_a_pattern(
    viewer: hcs_stream.Viewer, wait_until: Wait, tmp_path: Path
) -> None:
    for name in ("VID7_A1_1_2020y05m28d.tif", "VID7_B2_2_2020y05m29d.tif", "overview.tif"):
        tifffile.imwrite(tmp_path / name, np.ones((8, 8), "uint8"))

    done = send(viewer, tmp_path, "--pattern", "VID7_{well}_{site}_*.tif")

    state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == 2)
    assert (done.returncode, state.axes["well"], state.axes["site"]) == (0, ["A01", "B02"], [1, 2])
    assert "1 image has a name unlike 'VID7_{well}_{site}_*.tif', such as 'overview.tif'" in done.stderr
    assert done.stdout.endswith("; skipped 1 not matching\n")


def test_where_no_name_matches_a_pattern_nothing_is_sent(viewer: hcs_stream.Viewer, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "VID7_A1_1.tif", np.ones((8, 8), "uint8"))

    done = send(viewer, tmp_path, "--pattern", "VID8_{well}_{site}.tif")

    assert (done.returncode, done.stdout) == (1, "")
    assert "found 1 image of other names, such as 'VID7_A1_1.tif'" in done.stderr


def test_labels_take_no_place_of_the_images_beside_them(
    viewer: hcs_stream.Viewer, wait_until: Wait, tmp_path: Path
) -> None:
    plate = ZarrPlate(tmp_path / "Assay.zarr")
    plate.write({"well": "A01", "site": 1}, np.zeros((8, 8), "uint16"))
    plate.write({"well": "A01", "site": 1}, np.full((8, 8), 3, "uint16"), kind="labels")

    done = send(viewer, plate.folder, "--labels")

    state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == 1)
    assert done.stdout.startswith("sent 1 of 1 image to localhost:")
    assert done.stdout.endswith("; skipped 1 not chosen\n")
    assert [layer.kind for layer in state.layers] == ["labels"]


def test_a_segmentation_is_shown_as_labels(
    viewer: hcs_stream.Viewer, wait_until: Wait, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "Assay_A01_s1_w1.TIF", np.arange(64, dtype="uint16").reshape(8, 8))

    send(viewer, tmp_path, "--step", "cells", "--labels")

    state = wait_until(viewer, lambda state: len(state.layers) == 1)
    assert (state.layers[0].kind, state.layers[0].name) == ("labels", "Step_00_cells_Channel_1")


def test_results_are_shown_where_the_pipeline_showed_them(
    viewer: hcs_stream.Viewer, wait_until: Wait, tmp_path: Path
) -> None:
    def threshold(image: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
        return (image > 115).astype("uint16")

    folder = tmp_path / "plate"
    folder.mkdir()
    plate = open_plate(make_plate(folder, ["A01", "B02"]))
    port = viewer.connection.data_port
    steps = [Step(np.negative, name="inverted"), Step(threshold, name="bright", kind="labels")]
    streamed = NapariStreamingConfig(napari_port=port)
    Pipeline(steps, PipelineConfig(napari_streaming=streamed)).run(
        plate, tmp_path / "results", executor="serial"
    )
    shown = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == 16)
    name = "Step_02_bright_Channel_FITC"
    at = Components(plate="Assay", well="B02", site=2, channel="FITC")
    pixels = viewer.image(name, at)
    viewer.clear()

    done = send(viewer, tmp_path / "results")

    state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == 16)
    assert done.stdout.startswith("sent 16 of 16 images")
    assert [(layer.name, layer.kind) for layer in state.layers] == [
        (layer.name, layer.kind) for layer in shown.layers
    ]
    assert state.axes == shown.axes
    assert (viewer.image(name, at) == pixels).all()


def test_an_ngff_image_of_no_plate_is_shown_with_its_channels_planes_and_labels(
    viewer: hcs_stream.Viewer, wait_until: Wait, tmp_path: Path
) -> None:
    six, labels = tmp_path / "six.zarr", tmp_path / "six.zarr" / "labels" / "cells"
    for folder, axes, shape in ((six, "czyx", (2, 3, 8, 8)), (labels, "zyx", (3, 8, 8))):
        group = zarr.open_group(folder, mode="a", zarr_format=2)
        scale = [{"type": "scale", "scale": [0.5] * len(axes)}]
        datasets: Any = [{"path": "0", "coordinateTransformations": scale}]
        said: Any = [{"name": axis, "unit": "micrometer"} for axis in axes]
        group.attrs["multiscales"] = [{"axes": said, "datasets": datasets}]
        group.attrs["omero"] = {"channels": [{"label": "LaminB1"}, {"label": "Dapi"}][: len(axes) - 2]}
        array = group.create_array("0", shape=shape, dtype="u2")
        array[...] = np.arange(np.prod(shape)).reshape(shape)

    done = send(viewer, six, labels)

    state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == 9)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert {(layer.name, layer.kind) for layer in state.layers} == {
        ("Channel_LaminB1", "image"),
        ("Channel_Dapi", "image"),
        ("Channel_cells", "labels"),
    }
    found = viewer.image("Channel_Dapi", Components(site="six", channel="Dapi", z_index=2))
    assert found[0, 0] == 5 * 64


def test_a_choice_that_takes_nothing_says_what_there_is(viewer: hcs_stream.Viewer, tmp_path: Path) -> None:
    done = send(viewer, make_plate(tmp_path, ["A01"]), "--wells", "B*")

    assert (done.returncode, done.stdout) == (1, "")
    assert "none of 4 images is chosen; there are: well A01; channel DAPI, FITC" in done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or sys.platform == "win32", reason="no Ctrl-C to send")
def test_ctrl_c_ends_it_and_says_what_was_sent(
    viewer: hcs_stream.Viewer, tmp_path: Path, own_places: Path, wait_until: Wait, interruptible: Begin
) -> None:
    make_plate(tmp_path, ["A01"])
    os.mkfifo(tmp_path / "Assay_A02_s1_w1.TIF")
    line = command(viewer, *sorted(tmp_path.glob("*.TIF")))
    process = interruptible(line)
    writes = os.open(tmp_path / "Assay_A02_s1_w1.TIF", os.O_WRONLY)  # returns when it is being read
    process.send_signal(signal.SIGINT)
    os.close(writes)
    said, _ = process.communicate(timeout=50)
    wait_until(viewer, lambda _: not any(own_places.iterdir()))  # the viewer has what was under way

    assert process.returncode == 1
    assert said.startswith("interrupted: sent ")
