"""A plate of a few distinct images under many names: reading them is no bottleneck."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile
from skimage.data import binary_blobs
from skimage.filters import gaussian

from .window_extent import Shape

COLUMNS = 24
BLOB_PIXELS = 12


def make_linked_plate(folder: Path, shape: Shape, wells: int, sites: int) -> list[Path]:
    """Write one image for each site, and give it a name in each well; returns the first well's images."""
    firsts = []
    for site in range(1, sites + 1):
        first = folder / _name(0, site)
        tifffile.imwrite(first, _image(shape, seed=site), photometric="minisblack")
        for well in range(1, wells):
            os.link(first, folder / _name(well, site))
        firsts.append(first)
    return firsts


def _name(well: int, site: int) -> str:
    row, column = divmod(well, COLUMNS)
    return f"Bench_{chr(ord('A') + row)}{column + 1:02d}_s{site}_w1.TIF"


def _image(shape: Shape, seed: int) -> npt.NDArray[np.uint16]:
    """Draw bright blobs on a grey ground, with noise."""
    blobs = binary_blobs(max(shape), BLOB_PIXELS / max(shape), volume_fraction=0.15, rng=seed)
    light = 200 + 2000 * gaussian(blobs[: shape[0], : shape[1]].astype(np.float32), 2)
    photons: npt.NDArray[np.int64] = np.random.default_rng(seed).poisson(light)
    return photons.astype(np.uint16)
