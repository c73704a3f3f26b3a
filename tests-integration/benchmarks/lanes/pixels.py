"""The images of all lanes: noise that rotates over more memory than any cache, a number in the last word."""

import os
from collections.abc import Iterator
from itertools import cycle

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint16]

ROTATED = "HCS_BENCH_ROTATED_NBYTES"
SIZES: dict[str, tuple[int, int]] = {
    "256kb": (256, 512),
    "8mb": (2048, 2048),
    "64mb": (4096, 8192),
}
"""Shapes of uint16 images by the names that keys have for them."""
SLOTS = {"256kb": 64, "8mb": 8, "64mb": 8}
"""How many images have room at once, by their size and the same in every lane that has a bound."""


class WrongPixelsError(Exception):
    """An image came out as another one, or torn."""


def size_nbytes(size: str) -> int:
    """Return the bytes of one image of this size."""
    rows, columns = SIZES[size]
    return rows * columns * 2


def rotating(size: str, at_least: int = 4) -> Iterator[Pixels]:
    """Yield prefaulted images over and over.

    Args:
        size: Of each.
        at_least: How many, where an image may not change while it is under way; else as many as
            ``$HCS_BENCH_ROTATED_NBYTES`` hold, which is more than a cache does.
    """
    return cycle(noises(SIZES[size], rotated(size, at_least)))


def rotated(size: str, at_least: int = 4) -> int:
    """Return how many images `rotating` yields before the first one comes again."""
    return max(int(os.environ[ROTATED]) // size_nbytes(size), at_least)


def noises(shape: tuple[int, int], count: int) -> list[Pixels]:
    """Return so many prefaulted images of this shape, none like another."""
    noise = np.random.default_rng(7).integers(0, 4096, shape[0] * shape[1], np.uint16)
    return [np.roll(noise, shift).reshape(shape) for shift in range(count)]


def mark(pixels: npt.NDArray[np.generic], number: int) -> None:
    """Write an image's number into its last word."""
    pixels.reshape(-1)[-2:].view(np.uint32)[0] = number


def marked(pixels: npt.NDArray[np.generic]) -> int:
    """Read the number in the last word."""
    return int(pixels.reshape(-1)[-2:].view(np.uint32)[0])


def check(pixels: npt.NDArray[np.generic], number: int) -> None:
    """Read the last word.

    Raises:
        WrongPixelsError: It is another number.
    """
    if (found := marked(pixels)) != number:
        raise WrongPixelsError(f"wanted image {number}, there is {found}")
