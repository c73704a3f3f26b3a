"""Steps for pipelines in tests; in a module of their own, so that worker processes find them."""

import os
import signal
from pathlib import Path
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


def brighter(image: Pixels, *, by: int = 1) -> Pixels:
    """Return greater grey values."""
    return image + np.uint16(by)


def kill_worker_once(image: Pixels, *, at: int, marker: str) -> Pixels:
    """End this process as `kill -9` does, once, at the image whose first pixel is that."""
    if image.flat[0] == at and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return image


def kill_worker(image: Pixels, *, at: int) -> Pixels:
    """End this process as `kill -9` does, again and again, at the image whose first pixel is that."""
    if image.flat[0] == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return image
