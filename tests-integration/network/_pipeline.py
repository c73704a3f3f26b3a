"""Run a pipeline on a Dask cluster, and look at every image in the viewer; prints one line of JSON.

Before it, a line says when the first well is done.
"""

import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import tifffile
from what_steps_do import brighter, doubled

import hcs_stream
from hcs_stream.config import NapariStreamingConfig
from hcs_stream.pipeline import Pipeline, PipelineConfig, Step

from ._scene import LOOK_SECONDS, PATIENCE_SECONDS, PORT, PipelineReport

WELLS = [f"{row}{column:02d}" for row in "ABC" for column in (1, 2, 3, 4)]
SITES = range(1, 9)
SIDE = 256
MORE = 7


def main(scheduler: str, viewer_host: str, folder: str) -> None:
    """Run it."""
    streaming = NapariStreamingConfig(napari_host=viewer_host, napari_port=PORT, stream="all")
    steps = [Step(doubled), Step((brighter, {"by": MORE}))]
    plate = _new_plate(Path(folder))
    config = PipelineConfig(napari_streaming=streaming)
    run = Pipeline(steps, config).run(plate, executor=scheduler, on_progress=_say_first)
    viewer = hcs_stream.find_viewer(PORT, host=viewer_host)
    assert viewer is not None
    deadline = time.monotonic() + PATIENCE_SECONDS
    while viewer.ping().counters.shown < run.images_published and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    layers, counters = viewer.state().layers, viewer.ping().counters
    places = [(layer.name, well, site) for layer in layers for well in WELLS for site in SITES]
    in_layers = sum(layer.images for layer in layers)
    report = PipelineReport(
        published=run.images_published,
        adopted=counters.adopted,
        shown=counters.shown,
        in_layers=in_layers,
        missing=len(steps) * len(WELLS) * len(SITES) - in_layers,
        wrong=sum(_is_wrong(viewer, *place) for place in places),
        failures=dict(run.failures),
    )
    sys.stdout.write(f"{msgspec.json.encode(report).decode()}\n")


def _new_plate(parent: Path) -> Path:
    folder = parent / "P"
    folder.mkdir(parents=True)
    for well in WELLS:
        for site in SITES:
            tifffile.imwrite(folder / f"P_{well}_s{site}_w1.TIF", _pixels(well, site))
    return folder


def _pixels(well: str, site: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """Return an image that says in each row which one it is, and that no other one is like."""
    number = 100 * (WELLS.index(well) + 1) + site
    return np.add.outer(np.arange(SIDE, dtype=np.uint16) * 64, np.full(SIDE, number, np.uint16))


def _is_wrong(viewer: hcs_stream.Viewer, layer: str, well: str, site: int) -> bool:
    wanted = 2 * _pixels(well, site) + (MORE if "brighter" in layer else 0)
    found = viewer.image(layer, {"plate": "P", "well": well, "site": site})
    return not np.array_equal(found, wanted)


def _say_first(done: int, _of: int) -> None:
    if done == 1:
        sys.stdout.write("the first well is done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
