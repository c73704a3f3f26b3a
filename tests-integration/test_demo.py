"""The demo shows every image that its pipeline makes, as the pipeline made it."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from ome_zarr.io import parse_url
from ome_zarr.reader import Plate as OmeZarrPlate
from ome_zarr.reader import Reader
from scipy import ndimage
from skimage.filters import threshold_otsu
from what_is_seen import canvas_correlation

import hcs_stream
from hcs_protocol import COMPONENTS, Components
from hcs_stream.microscopes import ImageFile, open_plate
from hcs_stream.storage import ZarrOutput

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
CHANNELS = ["DAPI", "FITC"]
STEPS = ["Step_01_gaussian_blur", "Step_02_threshold"]


def run_demo(data_port: int, output: Path, *options: str) -> dict[str, Any]:
    """Run the demo, leave its viewer open, and return what its last line says."""
    demo = str(ROOT / "docs/examples/demo.py")
    command = [sys.executable, demo, "--keep", "--data-port", str(data_port), "--output", str(output)]
    done = subprocess.run([*command, *options], stdout=subprocess.PIPE, text=True, timeout=170, check=True)
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def address(image: ImageFile) -> Components:
    return Components(plate=image.plate, well=image.well, site=image.site, z_index=image.z_index)


@pytest.mark.timeout(180)
def test_every_image_of_two_runs_is_shown_where_it_belongs(data_port: int, tmp_path: Path) -> None:
    first = run_demo(data_port, tmp_path)
    second = run_demo(data_port, tmp_path, "--plate", str(tmp_path / "plate"))
    viewer = hcs_stream.find_viewer(data_port)
    assert viewer is not None
    try:
        names = [f"{step}_Channel_{channel}" for step in STEPS for channel in CHANNELS]
        for report, suffix in ((first, ""), (second, " [run 2]")):
            assert (report["images_published"], report["images_shown"], report["lost"]) == (144, 144, 0)
            assert report["first_shown_before_last_published"] is True
            assert sorted(report["layers"]) == sorted(name + suffix for name in names)
        assert second["viewer_pid"] == first["viewer_pid"] == viewer.connection.pid
        assert len(viewer.state().layers) == 8
        check_planes(viewer, tmp_path)
        check_plates(first["plates"], tmp_path)
        check_canvas(viewer, tmp_path)
    finally:
        viewer.stop()


def check_planes(viewer: hcs_stream.Viewer, output: Path) -> None:
    """Compare 12 random planes of the layers with what the files' pixels give, pixel by pixel."""
    for image in random.Random(7).sample(open_plate(output / "plate").images, 12):
        blurred = ndimage.gaussian_filter(tifffile.imread(image.path), sigma=1.5)
        found = viewer.image(f"Step_01_gaussian_blur_Channel_{image.channel}", address(image))
        labels = viewer.image(f"Step_02_threshold_Channel_{image.channel}", address(image))
        np.testing.assert_array_equal(found, blurred)
        assert not np.any(labels[blurred <= threshold_otsu(blurred)])
        assert np.unique(labels).size > 5


def check_plates(folders: list[str], output: Path) -> None:
    """Open what the demo kept as others do, and compare a few planes with what the files' pixels give."""
    assert [Path(folder).stem for folder in folders] == STEPS
    for folder in folders:
        (plate, *_) = Reader(parse_url(folder, mode="r"))()
        assert any(isinstance(spec, OmeZarrPlate) for spec in plate.specs)
        assert plate.data[0].shape[:3] == (1, len(CHANNELS), 3)
    kept = ZarrOutput(Path(folders[0]).parent)
    for image in random.Random(9).sample(open_plate(output / "plate").images, 4):
        found = kept.read({c: getattr(image, c) for c in COMPONENTS}, step=(1, "gaussian_blur"))
        np.testing.assert_array_equal(found, ndimage.gaussian_filter(tifffile.imread(image.path), sigma=1.5))


def check_canvas(viewer: hcs_stream.Viewer, output: Path) -> None:
    """Compare the canvas with the planes that it should show."""
    canvas = output / "canvas.png"
    for image in random.Random(8).sample(open_plate(output / "plate").images, 3):
        name = f"Step_01_gaussian_blur_Channel_{image.channel}"
        viewer.navigate(address(image), visible_layers=[name])
        viewer.screenshot(canvas, canvas_only=True)
        plane = viewer.image(name, address(image))
        assert canvas_correlation(canvas.read_bytes(), viewer.state(), plane) >= 0.9


@pytest.mark.timeout(180)
@pytest.mark.skipif(not os.environ.get("HCS_TEST_PLATES"), reason="HCS_TEST_PLATES names no folder of plates")
def test_a_real_plate_is_shown_with_its_projections_apart(data_port: int, tmp_path: Path) -> None:
    plate = Path(os.environ["HCS_TEST_PLATES"]) / "imagexpress-projection-mix"

    report = run_demo(data_port, tmp_path, "--plate", str(plate))

    viewer = hcs_stream.find_viewer(data_port)
    assert viewer is not None
    viewer.stop()
    assert (report["images_published"], report["images_shown"]) == (192, 192)
    assert "Step_01_gaussian_blur_Channel_1_Projection" in report["layers"]
