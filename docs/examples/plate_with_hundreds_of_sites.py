"""A multi-well plate with hundreds of sites: every site by slider, and one overview of each well.

The overview is a step that gets all sites of a well as one array (`group_by="site"`) and returns one image,
so it has no site any more. Each site is streamed as it is done; wells are processed side by side.

    python plate_with_hundreds_of_sites.py [--plate FOLDER] [--out DIR]
"""

import argparse
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from synthetic_plate import make_plate

from hcs_stream.microscopes import open_plate
from hcs_stream.pipeline import Pipeline, Step

Pixels = npt.NDArray[Any]

SMALLER = 4  # times in each direction


def flatten(image: Pixels) -> Pixels:
    """Even out the light, which falls off towards the corners."""
    light = ndimage.gaussian_filter(image.astype(np.float32), 50)
    return np.asarray(image * (light.mean() / light)).astype(image.dtype)


def overview(sites: Pixels) -> Pixels:
    """Lay the sites of a well side by side, row by row, and make them smaller.

    Args:
        sites: Of shape ``(site, y, x)``.
    """
    small = sites[:, ::SMALLER, ::SMALLER]
    count, height, width = small.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    tiles = np.zeros((rows * columns, height, width), small.dtype)
    tiles[:count] = small
    grid = tiles.reshape(rows, columns, height, width).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width)


pipeline = Pipeline([Step(flatten, materialise=False, stream="all"), Step(overview, group_by="site")])


def main() -> None:
    """Run the pipeline over a plate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--plate", type=Path, metavar="FOLDER", help="else a synthetic one: 24 wells × 9 sites"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the overviews are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.plate
        if folder is None:
            made = Path(scratch, "plate")
            folder = make_plate(made, wells=24, sites=9, channels=1, z_planes=1, shape=(128, 128))
        plate = open_plate(folder)
        sites = {(image.well, image.site) for image in plate.images}
        print(f"{len(sites)} sites: {pipeline.run(plate, options.out)}")


if __name__ == "__main__":
    main()
