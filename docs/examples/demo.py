"""Watch a two-step pipeline in napari while it runs: blur each image, then find the cells in it.

Two worker processes go through a plate of cells, stream what each step makes and keep it as OME-NGFF, a plate
for each step; a napari viewer comes up in a process of its own. Without --plate the plate is made first:
6 wells, 2 sites, 2 channels, 3 z-planes.

The last line printed is JSON: how many images were published and how many lie in the viewer's layers.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.segmentation import watershed
from synthetic_plate import make_plate
from virtual_screen import a_screen, end_screens, has_screen

import hcs_stream
from hcs_protocol import Components, HcsError, LayerState, default_data_port
from hcs_stream.config import NapariStreamingConfig
from hcs_stream.microscopes import ImageFile, Plate, open_plate
from hcs_stream.pipeline import Pipeline, PipelineConfig, RunReport, Step

Pixels = npt.NDArray[Any]
PATIENCE_SECONDS = 60.0
CELL_RADIUS = 10  # pixels


def gaussian_blur(image: Pixels) -> Pixels:
    """Take the noise out."""
    return ndimage.gaussian_filter(image, sigma=1.5)


def threshold(image: Pixels) -> Pixels:
    """Number the cells: regions brighter than Otsu's threshold, parted where they are narrow."""
    mask = image > threshold_otsu(image)
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), sigma=2)
    middles = peak_local_max(depth, min_distance=CELL_RADIUS, labels=mask.astype(int), exclude_border=False)
    seeds = np.zeros(image.shape, np.int32)
    seeds[tuple(middles.T)] = np.arange(1, len(middles) + 1)
    cells = watershed(-depth, seeds, mask=mask)
    return np.asarray(cells).astype(np.uint16)


STEPS = (Step(gaussian_blur), Step(threshold, kind="labels"))
RESULTS = "results"
"""The folder of the OME-NGFF plates, within the output's."""


def main() -> int:
    """Run the demo and return its exit status."""
    options = parse_options()
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        plate = open_plate(options.plate or make_demo_plate(options.output))
        thumbs = len(plate.skipped["thumbs"])
        say(f"plate {plate.name!r}: {len(plate.images)} images, {thumbs} thumbnails skipped")
        if plate.unparsed:
            others = f"{len(plate.unparsed)} images whose names no grammar knows"
            say(f"left out: {others}, such as {plate.unparsed[0].name!r}")
        if not plate.images:
            say(f"demo: no image in {options.plate} has a name that a grammar knows")
            return 1
        if has_screen() or hcs_stream.find_viewer(options.data_port):
            options.keep = True  # somebody looks at it
        else:
            say(f"no display: using a virtual one, {a_screen()}")
        return show(plate, options)
    except (HcsError, OSError) as error:
        say(f"demo: {error}")
        return 1


def show(plate: Plate, options: argparse.Namespace) -> int:
    """Run the pipeline, wait until the viewer shows all, and report."""
    started = time.monotonic()
    with hcs_stream.connect(data_port=options.data_port, title="HCS demo", timeout=PATIENCE_SECONDS):
        seconds_to_ready = time.monotonic() - started
    viewer = hcs_stream.find_viewer(options.data_port)
    if viewer is None:
        sys.exit("the viewer was closed before the run began")
    say(f"viewer ready on port {options.data_port} after {seconds_to_ready:.1f} s")
    streaming = NapariStreamingConfig(napari_port=options.data_port, viewer_title="HCS demo", colormap=None)
    pipeline = Pipeline(STEPS, PipelineConfig(napari_streaming=streaming, workers=options.workers))
    results = options.output / RESULTS
    report = pipeline.run(plate, results, on_progress=say_wells)
    say(f"kept {report.images_saved} images below {results}")
    layers = wait_until_shown(viewer, report)
    screenshot = options.output / "viewer.png"
    viewer.navigate(best_view(plate.images))
    viewer.screenshot(screenshot)
    shown = sum(layer.images for layer in layers)
    result = {
        "images_published": report.images_published,
        "images_shown": shown,
        "lost": report.images_published - shown,
        "first_shown_before_last_published": report.shown_before_last_published,
        "layers": [layer.name for layer in layers],
        "plates": sorted(folder.as_posix() for folder in results.glob("*/Step_*.zarr")),
        "screenshot": screenshot.as_posix(),
        "seconds_to_viewer_ready": round(seconds_to_ready, 2),
        "viewer_pid": viewer.connection.pid,
    }
    if options.keep:
        say(f"the viewer stays open; 'kill {viewer.connection.pid}' or its window's cross ends it")
    else:
        viewer.stop()
        end_screens()
    for well, error in report.failures.items():
        say(f"well {well} failed: {error}")
    print(json.dumps(result))
    return 1 if result["lost"] or report.failures else 0


def wait_until_shown(viewer: hcs_stream.Viewer, report: RunReport) -> list[LayerState]:
    """Return this run's layers when they hold all its images, or when nothing has come for a while."""
    shown, changed = -1, time.monotonic()
    while time.monotonic() - changed < PATIENCE_SECONDS:
        layers = [layer for layer in viewer.state().layers if layer.run == report.run]
        now = sum(layer.images for layer in layers)
        if now >= report.images_published:
            break
        if now != shown:
            shown, changed = now, time.monotonic()
        time.sleep(0.05)
    return layers


def best_view(images: Sequence[ImageFile]) -> Components:
    """Return the middle z-plane of the first site, where the cells are sharpest."""
    first = images[0]
    planes = [image.z_index for image in images if (image.well, image.site) == (first.well, first.site)]
    z_indexes = sorted({z_index for z_index in planes if z_index is not None})
    z_index = z_indexes[len(z_indexes) // 2] if z_indexes else None
    return Components(plate=first.plate, well=first.well, site=first.site, z_index=z_index)


def make_demo_plate(output: Path) -> Path:
    """Make the plate of synthetic cells anew."""
    folder = output / "plate"
    shutil.rmtree(folder, ignore_errors=True)
    say("making a plate of synthetic cells")
    return make_plate(folder)


def say_wells(done: int, of: int) -> None:
    """Say how far the run is."""
    say(f"wells done: {done} of {of}")


def say(text: str) -> None:
    """Tell the person who waits."""
    print(text, file=sys.stderr, flush=True)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plate", type=Path, metavar="FOLDER", help="a plate of your own")
    parser.add_argument(
        "--data-port", type=int, default=default_data_port(), help="the viewer's (default %(default)s)"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes (default %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="default %(default)s")
    parser.add_argument("--keep", action="store_true", help="leave the viewer open, also without a display")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
