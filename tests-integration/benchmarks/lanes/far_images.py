"""What goes to another machine: noise, where nothing is compressed, or cells."""

from collections.abc import Iterator
from itertools import cycle

import numpy as np

from .cells import cells
from .pixels import SIZES, SLOTS, Pixels, rotated, rotating


def far_images(size: str, content: str) -> Iterator[Pixels]:
    """Yield images over and over; none changes while it is under way.

    Args:
        size: Of each.
        content: ``"noise"`` or ``"cells"``.
    """
    at_least = 2 * SLOTS[size]
    if content == "noise":
        return rotating(size, at_least)
    image = cells(SIZES[size])
    return cycle([np.roll(image, shift) for shift in range(rotated(size, at_least))])
