"""Grey values between which most pixels lie: of one image, and of all images of a layer."""

import math
from collections import Counter
from operator import itemgetter

import numpy as np
import numpy.typing as npt

SAMPLES = 1 << 12
PLANES = 16
LOW, HIGH = 0.005, 0.998
"""Which part of the pixels is at most as bright as the low and the high limit."""
LEFT_OUT = 50
"""Of so many images one more is left out for being brighter, or darker, than the others."""
FEW = 3
"""Of fewer images none is left out: nobody can say which one is strange."""
FINENESS = 5
"""Limits are rounded to this power of two below their range, 3 to 6 % of it."""
LARGEST = float(np.finfo(np.float32).max)
"""What a screen can draw."""
SMALLEST = math.ulp(0.0)

Pixels = npt.NDArray[np.generic]
Limits = tuple[float, float]


def sampled(pixels: Pixels) -> Pixels:
    """Return a view of a few thousand pixels, regularly spread over an image of shape ``([z,] y, x)``."""
    if pixels.ndim == 3:
        pixels = pixels[:: -(-len(pixels) // PLANES)]
    stride = max(1, math.isqrt(pixels.size // SAMPLES))
    return pixels[..., ::stride, ::stride]


def grey_limits(pixels: Pixels) -> Limits | None:
    """Return a low and a high grey value of the pixels, the same twice of a blank image; None of no number.

    Args:
        pixels: Of shape ``([z,] y, x)``; a sample is looked at, and in it what is a finite number.
    """
    sample = _drawable(sampled(pixels).flatten())  # a copy of its own, to be put in order
    last = sample.size - 1
    if last < 0:
        return None
    low, high = int(LOW * last), math.ceil(HIGH * last)
    sample.partition((low, high))
    limits = float(sample[low]), float(sample[high])
    return limits if _rises(limits) else (float(sample.min()), float(sample.max()))


class GreyValues:
    """The limits of all images of a layer: a summary of bounded size that no order of arrival changes."""

    def __init__(self) -> None:
        self._high, self._low = _Highest(), _Highest()
        self._of_blanks = 0.0, 0.0

    def add(self, limits: Limits | None) -> None:
        """Take the limits of a further image into account; None has none."""
        if limits is None:
            return
        if _rises(limits):
            self._low.add(-limits[0])
            self._high.add(limits[1])
        else:
            self._of_blanks = min(self._of_blanks[0], limits[0]), max(self._of_blanks[1], limits[1])

    @property
    def limits(self) -> Limits | None:
        """Limits that hold those of nearly all images; None as long as all are 0.

        Blank ones have a say only among themselves, and then black is 0.
        One image in fifty, and one at least of three or more, has no say: dust in one makes no other dark.
        """
        if self._high.total:
            return -self._low.value, self._high.value
        return self._of_blanks if _rises(self._of_blanks) else None


class _Highest:
    """The highest of many values but for the few topmost, kept as counts of values that are nearly equal."""

    def __init__(self) -> None:
        self.total = 0
        self._counts: Counter[tuple[int, int]] = Counter()
        self._highest: dict[tuple[int, int], float] = {}

    def add(self, value: float) -> None:
        fraction, exponent = math.frexp(value)
        about = exponent, int(fraction * 128)
        self.total += 1
        self._counts[about] += 1
        self._highest[about] = max(value, self._highest.get(about, value))

    @property
    def value(self) -> float:
        left_out = 0 if self.total < FEW else 1 + self.total // LEFT_OUT
        for about, highest in sorted(self._highest.items(), key=itemgetter(1), reverse=True):
            left_out -= self._counts[about]
            if left_out < 0:
                return highest
        raise ValueError("there is no value")


def rounded(limits: Limits, dtype: str) -> Limits:
    """Return limits that stay the same when images change a little, as the dtype can have them."""
    _, exponent = math.frexp(limits[1] - limits[0])
    unit = max(math.ldexp(1.0, exponent - FINENESS), SMALLEST)
    lowest, highest = -LARGEST, LARGEST
    if np.issubdtype(dtype, np.integer):
        lowest, highest = float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
    low, high = (min(max(round(limit / unit) * unit, lowest), highest) for limit in limits)
    return low, high


def _drawable(sample: Pixels) -> Pixels:
    """Leave out what is no number, or larger than a screen can draw."""
    if sample.dtype == bool:
        return sample.view(np.uint8)
    if sample.dtype.kind != "f":
        return sample
    fits = np.abs(sample) <= LARGEST if sample.dtype.itemsize > 4 else np.isfinite(sample)
    return sample if fits.all() else sample[fits]


def _rises(limits: Limits) -> bool:
    return limits[0] < limits[1]
