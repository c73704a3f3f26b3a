"""Bare napari, from its interpreter's start to one painted image: what a script of a user does."""

from . import stamps  # isort: skip  # the first stamp comes first

import sys

import numpy as np


def main() -> None:
    """Open a window, add an image of this shape, and stay."""
    rows, columns = map(int, sys.argv[1:])
    stamps.stamp_first_window()
    import napari
    from lanes.pixels import mark

    pixels = np.zeros((rows, columns), np.uint16)  # which takes no time
    mark(pixels, stamps.FIRST)
    viewer = napari.Viewer()
    viewer.add_image(pixels)
    napari.run()


if __name__ == "__main__":
    main()
