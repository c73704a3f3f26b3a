"""Grey values between which most pixels of an image lie."""

import math

import numpy as np
import numpy.typing as npt

SAMPLES = 1 << 12
PLANES = 16
LOW, HIGH = 0.005, 0.998
"""Which part of the pixels is at most as bright as the low and the high limit."""
LARGEST = float(np.finfo(np.float32).max)
"""What a screen can draw."""

Pixels = npt.NDArray[np.generic]
Limits = tuple[float, float]


def sampled(pixels: Pixels) -> Pixels:
    """Return a view of a few thousand pixels, regularly spread over an image of shape ``([z,] y, x)``."""
    if pixels.ndim == 3:
        pixels = pixels[:: -(-len(pixels) // PLANES)]
    stride = max(1, math.isqrt(pixels.size // SAMPLES))
    return pixels[..., ::stride, ::stride]


def grey_limits(pixels: Pixels) -> Limits | None:
    """Return a low and a high grey value of the pixels, or None if they are all the same.

    Args:
        pixels: Of shape ``([z,] y, x)``; a sample is looked at, and in it what is a finite number.
    """
    sample = _drawable(sampled(pixels).flatten())  # a copy of its own, to be put in order
    last = sample.size - 1
    if last < 0:
        return None
    low, high = int(LOW * last), math.ceil(HIGH * last)
    sample.partition((low, high))
    return _rising(sample[low], sample[high]) or _rising(sample.min(), sample.max())


def widened(before: Limits | None, limits: Limits | None) -> Limits | None:
    """Return limits that hold both."""
    if before is None or limits is None:
        return before or limits
    return min(before[0], limits[0]), max(before[1], limits[1])


def _drawable(sample: Pixels) -> Pixels:
    """Leave out what is no number, or larger than a screen can draw."""
    if sample.dtype == bool:
        return sample.view(np.uint8)
    if sample.dtype.kind != "f":
        return sample
    fits = np.abs(sample) <= LARGEST if sample.dtype.itemsize > 4 else np.isfinite(sample)
    return sample if fits.all() else sample[fits]


def _rising(low: np.generic, high: np.generic) -> Limits | None:
    limits = float(low), float(high)
    return limits if limits[0] < limits[1] else None
