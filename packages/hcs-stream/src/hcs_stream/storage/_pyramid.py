"""Smaller versions of a plane, each half as high and wide as the one before."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ._backend import Pixels

SMALL_ENOUGH = 512
MOST_LEVELS = 6


def level_count(height: int, width: int) -> int:
    """Return how many levels a plane has: until it is at most 512 pixels a side."""
    longest, levels = max(height, width), 1
    while longest > SMALL_ENOUGH and levels < MOST_LEVELS:
        longest, levels = -(-longest // 2), levels + 1
    return levels


def level_shapes(height: int, width: int, levels: int) -> list[tuple[int, int]]:
    """Return height and width of each level."""
    shapes = [(height, width)]
    for _ in range(levels - 1):
        shapes.append((-(-shapes[-1][0] // 2), -(-shapes[-1][1] // 2)))
    return shapes


def pyramid(plane: Pixels, levels: int, *, labels: bool) -> Iterator[Pixels]:
    """Yield a plane's levels: means of 2 × 2 pixels, or every second pixel where numbers are names."""
    yield plane
    for _ in range(levels - 1):
        plane = plane[::2, ::2] if labels or plane.dtype == np.bool_ else _halved(plane)
        yield plane


def _halved(plane: Pixels) -> Pixels:
    odd = [(0, side % 2) for side in plane.shape]
    even: npt.NDArray[Any] = (
        np.pad(plane, odd, mode="edge") if any(side % 2 for side in plane.shape) else plane
    )
    if plane.dtype.kind in "ui" and plane.dtype.itemsize <= 2:
        total: npt.NDArray[np.integer] = even[::2, ::2].astype(np.int32)
        total += even[1::2, ::2] + np.int32(2)  # to round, not to cut
        total += even[::2, 1::2]
        total += even[1::2, 1::2]
        smaller: Pixels = (total >> 2).astype(plane.dtype)
        return smaller
    corners = [even[row::2, column::2] for row in (0, 1) for column in (0, 1)]
    if plane.dtype.kind == "f":
        quarters = sum(corner.astype(np.float64) / 4 for corner in corners)
        return np.asarray(quarters).astype(plane.dtype)
    rest = sum(corner & 3 for corner in corners) + 2  # to round, not to cut
    whole = sum(corner >> 2 for corner in corners) + (rest >> 2)  # which none of the greatest overflows
    return np.asarray(whole).astype(plane.dtype)
