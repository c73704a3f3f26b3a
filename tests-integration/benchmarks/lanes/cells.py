"""Images as a fluorescence microscope's camera takes them: what compresses of them is what does in the field.

A scientific CMOS camera: an offset of 100 grey values, 0.46 electrons for each grey value, and 1.6 electrons
of readout noise; a background of 12 electrons, and a few hundred nuclei of 100 to 1500 electrons. Every pixel
has the shot noise of its own light, which no codec can make smaller.
"""

import numpy as np
import numpy.typing as npt

from .pixels import Pixels

OFFSET, ELECTRONS_PER_GREY, READOUT, BACKGROUND = 100.0, 0.46, 1.6, 12.0
NUCLEI_PER_MEGAPIXEL = 90
RADII, BRIGHTNESS = (8.0, 18.0), (100.0, 1500.0)


def cells(shape: tuple[int, int]) -> Pixels:
    """Return the one image that there is of this shape."""
    random = np.random.default_rng(20_240_517)
    light = np.full(shape, BACKGROUND)
    for _ in range(round(NUCLEI_PER_MEGAPIXEL * light.size / 1e6)):
        _add_nucleus(light, random)
    electrons = random.poisson(light) + random.normal(0.0, READOUT, shape)
    grey: Pixels = np.clip(OFFSET + electrons / ELECTRONS_PER_GREY, 0, 65535).round().astype(np.uint16)
    return grey


def _add_nucleus(light: npt.NDArray[np.float64], random: np.random.Generator) -> None:
    """Add a bright ellipse with soft edges somewhere."""
    height, width = light.shape
    y, x = random.uniform(0, height), random.uniform(0, width)
    radii = random.uniform(*RADII, 2)
    reach = int(2 * radii.max())
    rows = slice(max(0, int(y) - reach), min(height, int(y) + reach))
    columns = slice(max(0, int(x) - reach), min(width, int(x) + reach))
    dy, dx = np.ogrid[rows, columns]
    distance = np.hypot((dy - y) / radii[0], (dx - x) / radii[1])
    light[rows, columns] += random.uniform(*BRIGHTNESS) / (1 + np.exp(8 * (distance - 1)))
