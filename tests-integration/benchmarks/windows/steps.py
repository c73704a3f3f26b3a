"""The steps of the pipeline that is measured: scikit-image, from 50 to 300 ms on images of 2048²."""

from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import label
from skimage.morphology import disk, opening, white_tophat

from hcs_protocol import Kind

Pixels = npt.NDArray[Any]


def smooth(image: Pixels) -> Pixels:
    """Take the noise out."""
    return np.asarray(gaussian(image.astype(np.float32), sigma=2, preserve_range=True)).astype(np.uint16)


def subtract_background(image: Pixels) -> Pixels:
    """Keep what is smaller than a disk."""
    return np.asarray(white_tophat(image, disk(3)))


def number_cells(image: Pixels) -> Pixels:
    """Number what is brighter than Otsu's threshold, without specks."""
    mask = opening(image > threshold_otsu(image), np.ones((3, 3), bool))
    return np.asarray(label(mask)).astype(np.uint16)


FUNCTIONS = (smooth, subtract_background, number_cells)
KINDS: tuple[Kind, ...] = ("image", "image", "labels")


def through_all(image: Pixels) -> list[Pixels]:
    """Return what each step makes of an image."""
    results = []
    for function in FUNCTIONS:
        image = function(image)
        results.append(image)
    return results
