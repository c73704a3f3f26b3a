"""Compare three ways to do a step, on the same images, side by side.

Each way is a step of its own, so it has layers of its own. In napari, `G` lays the steps side by side under
one camera; all sliders move all of them.

    python compare_steps_side_by_side.py [--plate FOLDER]
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from synthetic_plate import make_plate

import hcs_stream
from hcs_stream.microscopes import open_plate, read_image

Pixels = npt.NDArray[Any]


def raw(image: Pixels) -> Pixels:
    """Return what the microscope saw."""
    return image


def minus_median(image: Pixels) -> Pixels:
    """Take away one grey value for the whole image."""
    return np.asarray(np.clip(image - np.median(image), 0, None), np.float32)


def minus_background(image: Pixels) -> Pixels:
    """Take away what changes slowly over the image."""
    background = ndimage.gaussian_filter(image.astype(np.float32), 40)
    return np.asarray(np.clip(image - background, 0, None))


def tophat(image: Pixels) -> Pixels:
    """Keep what is smaller than a nucleus's neighbourhood."""
    return np.asarray(ndimage.white_tophat(image, size=(45, 45)))


WAYS = (raw, minus_median, minus_background, tophat)


def main() -> None:
    """Send what each way makes of each image."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plate", type=Path, metavar="FOLDER", help="else a small synthetic one")
    folder = parser.parse_args().plate
    with tempfile.TemporaryDirectory() as scratch, hcs_stream.connect(run="background") as stream:
        made = folder or make_plate(Path(scratch, "plate"), wells=2, sites=1, z_planes=1, shape=(256, 256))
        plate = open_plate(made)
        for image in plate.images:
            pixels = read_image(image)
            for number, way in enumerate(WAYS, start=1):
                stream.send(
                    way(pixels),
                    well=image.well,
                    site=image.site,
                    channel=image.channel,
                    step=(number, way.__name__),
                    pixel_size=plate.pixel_size,
                )
    print(f"{len(plate.images)} images in {len(WAYS)} ways; press G in napari to see them side by side")


if __name__ == "__main__":
    main()
