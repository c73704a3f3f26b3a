"""A pipeline goes through a plate: what each step makes is shown, and a well that fails stops no other."""

from pathlib import Path

import numpy as np
import tifffile
from what_steps_do import bright, doubled

import hcs_stream
from hcs_protocol import Components
from hcs_stream.config import NapariStreamingConfig
from hcs_stream.microscopes import open_plate
from hcs_stream.pipeline import Pipeline, PipelineConfig, RunReport, Step

STEPS = (Step(doubled), Step(bright, name="bright parts", kind="labels"))


def make_plate(folder: Path, wells: list[str], dull: str | None = None) -> Path:
    """Write two sites of each well, with names as ImageXpress gives them."""
    folder.mkdir(exist_ok=True)
    for place, well in enumerate(wells):
        for site in (1, 2):
            image = np.arange(48, dtype="uint16").reshape(6, 8) + place * 10 + site
            path = folder / f"my, plate (7)_{well}_s{site}_w1.TIF"
            tifffile.imwrite(path, np.zeros_like(image) if well == dull else image)
    return folder


def pipeline_to(viewer: hcs_stream.Viewer) -> Pipeline:
    """Return the steps, streamed to this viewer."""
    streaming = NapariStreamingConfig(napari_port=viewer.connection.data_port)
    return Pipeline(STEPS, PipelineConfig(napari_streaming=streaming, workers=2))


def test_steps_make_layers_of_their_own(viewer: hcs_stream.Viewer, tmp_path: Path) -> None:
    plate = open_plate(make_plate(tmp_path, ["A01", "B02", "AA03"]))
    seen: list[tuple[int, int]] = []

    report = pipeline_to(viewer).run(plate, on_progress=lambda done, of: seen.append((done, of)))

    state = viewer.state()
    assert (report.images_published, report.failures) == (12, {})
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert {layer.name: layer.images for layer in state.layers} == {
        "Step_01_doubled_Channel_1": 6,
        "Step_02_bright_parts_Channel_1": 6,
    }
    assert state.axes["well"] == ["A01", "B02", "AA03"]
    assert state.progress == {report.run: "completed"}
    found = viewer.image("Step_01_doubled_Channel_1", Components(plate="my, plate (7)", well="AA03", site=2))
    np.testing.assert_array_equal(found, 2 * tifffile.imread(tmp_path / "my, plate (7)_AA03_s2_w1.TIF"))


def test_a_well_that_fails_stops_no_other(viewer: hcs_stream.Viewer, tmp_path: Path) -> None:
    plate = open_plate(make_plate(tmp_path, ["A01", "B02", "C03"], dull="B02"))

    report = pipeline_to(viewer).run(plate)

    where = "step 2 'bright parts', plate my, plate (7), well B02, site 1, channel 1"
    assert report.failures == {"B02": f"{where}: ValueError: this image has no contrast"}
    layers = {layer.name: layer.images for layer in viewer.state().layers}
    assert layers == {"Step_01_doubled_Channel_1": 5, "Step_02_bright_parts_Channel_1": 4}
    assert report.images_published == sum(layers.values())


def test_a_run_into_ome_ngff_shows_the_same_images(viewer: hcs_stream.Viewer, tmp_path: Path) -> None:
    plate = open_plate(make_plate(tmp_path / "in", ["A01", "B02"]))

    report: RunReport = pipeline_to(viewer).run(plate, tmp_path / "out")

    assert (report.images_published, report.images_saved) == (8, 8)
    assert sum(layer.images for layer in viewer.state().layers) == 8
