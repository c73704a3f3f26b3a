"""Develop a pipeline: one well, in this process, until you like what you see; then the whole plate.

Each try takes over the layers of the try before (`replace_layers`), so what you set by hand in napari stays.
With `executor="serial"` your functions run in this very process: breakpoints and prints work.

    python develop_a_pipeline.py [--plate FOLDER]
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import ndimage
from synthetic_plate import make_plate

from hcs_stream.config import LazyNapariStreamingConfig, PipelineConfig
from hcs_stream.microscopes import Plate, open_plate
from hcs_stream.pipeline import Pipeline, Step

Pixels = npt.NDArray[Any]

STREAMED = PipelineConfig(napari_streaming=LazyNapariStreamingConfig(replace_layers=True, colormap=None))


def smooth(image: Pixels, sigma: float = 1.0) -> Pixels:
    """Take the noise out."""
    return ndimage.gaussian_filter(image, sigma)


def nuclei(image: Pixels, threshold: float = 2.0) -> Pixels:
    """Number what is brighter than so many times the median."""
    numbers, _ = ndimage.label(image > threshold * np.median(image))
    return np.asarray(numbers).astype(np.uint16)


def build(sigma: float, threshold: float) -> Pipeline:
    """Return the pipeline with these settings."""
    return Pipeline(
        [
            Step((smooth, {"sigma": sigma})),
            Step({"DAPI": (nuclei, {"threshold": threshold})}, name="nuclei", kind="labels"),
        ],
        STREAMED,
    )


def one_well(plate: Plate) -> Plate:
    """Return the plate as if it had its first well alone."""
    first = plate.images[0].well
    return msgspec.structs.replace(plate, images=tuple(i for i in plate.images if i.well == first))


def main() -> None:
    """Try settings on one well, then run the best of them over the plate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plate", type=Path, metavar="FOLDER", help="else a small synthetic one")
    folder = parser.parse_args().plate
    with tempfile.TemporaryDirectory() as scratch:
        made = folder or make_plate(Path(scratch, "plate"), wells=3, sites=1, z_planes=1, shape=(256, 256))
        plate = open_plate(made)
        for sigma in (1.0, 2.0):
            report = build(sigma, threshold=2.0).run(one_well(plate), executor="serial")
            print(f"sigma {sigma}: {report}")
        print("the plate:", build(2.0, threshold=2.0).run(plate, executor="threads"))


if __name__ == "__main__":
    main()
