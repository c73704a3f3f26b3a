"""Keep an eye on a run of hours: always the newest image, never a queue of old ones.

With `overflow="latest"` an image that was not sent yet is given up when the next one of its layer comes: the
window shows now, however slow it is, and the run never waits. Images that look wrong go by another stream,
which loses nothing. In napari, `N` follows the newest image; a viewer that this script starts does so
at once.

    python quality_control_of_a_long_run.py [--images 500]
"""

import argparse
import os
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage

import hcs_stream

Pixels = npt.NDArray[np.uint16]

ROWS, COLUMNS = "ABCDEFGH", range(1, 13)
BLURRED_EVERY = 25  # the autofocus of this microscope fails now and then


def microscope(count: int) -> Iterator[tuple[str, int, Pixels]]:
    """Yield well, site and pixels, image after image."""
    rng = np.random.default_rng(0)
    wells = [f"{row}{column:02d}" for row in ROWS for column in COLUMNS]
    for number in range(count):
        cells = 4000 * (rng.random((256, 256)) > 0.998)
        sigma = 12.0 if number % BLURRED_EVERY == BLURRED_EVERY - 1 else 2.0
        light = ndimage.gaussian_filter(cells.astype(np.float32), sigma) + 100
        yield wells[number // 4 % len(wells)], number % 4 + 1, rng.poisson(light).astype(np.uint16)


def sharpness(image: Pixels) -> float:
    """Return how much of the contrast is fine, which falls where the focus is lost."""
    smooth = ndimage.gaussian_filter(image.astype(np.float32), 4)
    return float(smooth.std() / np.sqrt(smooth.mean()))


def main() -> None:
    """Look at every image as it comes, and keep those that are out of focus."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=500, help="how many (default %(default)s)")
    count = parser.parse_args().images
    os.environ.setdefault("HCS_VIEWER_FOLLOW", "1")
    suspicious = 0
    with (
        hcs_stream.connect(run="quality control", overflow="latest") as newest,
        hcs_stream.connect(run="quality control", overflow="spill") as everything,
    ):
        for well, site, image in microscope(count):
            newest.send(image, well=well, site=site, channel="DAPI", step=(1, "acquired"))
            if sharpness(image) < 0.5:
                suspicious += 1
                everything.send(image, well=well, site=site, channel="DAPI", step=(2, "out of focus"))
        newest.flush()
    print(f"{count} images looked at, {suspicious} out of focus: they are a layer of their own")


if __name__ == "__main__":
    main()
