"""Grey values between which most pixels of an image lie."""

import math

import numpy as np
import numpy.typing as npt

SAMPLES = 1 << 14
LOW_PERCENT, HIGH_PERCENT = 0.5, 99.8
LARGEST = float(np.finfo(np.float32).max)
"""What a screen can draw."""


def grey_limits(pixels: npt.NDArray[np.generic]) -> tuple[float, float] | None:
    """Return a low and a high percentile of the pixels, or None if they are all the same.

    Args:
        pixels: Of shape ``([z,] y, x)``; a regular sample is looked at, and in it what is a finite number.
    """
    stride = max(1, math.isqrt(pixels.size // SAMPLES))
    sample = pixels[..., ::stride, ::stride].astype(np.float64)
    sample = sample[np.abs(sample) <= LARGEST]  # NaN is not
    if not sample.size:
        return None
    low, high = np.percentile(sample, [LOW_PERCENT, HIGH_PERCENT])
    if high <= low:
        low, high = sample.min(), sample.max()
    return (float(low), float(high)) if high > low else None


def widened(
    before: tuple[float, float] | None, limits: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Return limits that hold both."""
    if before is None or limits is None:
        return before or limits
    return min(before[0], limits[0]), max(before[1], limits[1])
