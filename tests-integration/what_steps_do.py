"""Steps for pipelines in tests; in a module of their own, so that worker processes find them."""

from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]


def doubled(image: Pixels) -> Pixels:
    """Return twice the grey values."""
    return image * np.uint16(2)


def bright(image: Pixels) -> Pixels:
    """Return where the image is bright; an image without any contrast is an error."""
    if image.min() == image.max():
        raise ValueError("this image has no contrast")
    mask: Pixels = image > image.mean()
    return mask
