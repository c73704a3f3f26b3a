"""A small plate to try napari with: made when it is opened, always with the same cells."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint16]
Light = npt.NDArray[np.float32]
LayerTuple = tuple[Pixels, dict[str, Any], str]

WELLS, SITES = ("A01", "B02"), (1, 2)
SIDE = 512
"""Pixels along an image."""
CELLS = {"A01": 14, "B02": 34}
BACKGROUND, NOISE = 120, 6
"""Grey values."""
PIXEL_MICROMETRES = 0.65


def sample_plate() -> list[LayerTuple]:
    """Return two channels of two wells with two sites each, as napari takes sample data."""
    images = np.empty((2, len(WELLS), len(SITES), SIDE, SIDE), np.uint16)
    for row, well in enumerate(WELLS):
        for column, site in enumerate(SITES):
            images[:, row, column] = _site(np.random.default_rng((row, site)), CELLS[well])
    return [
        _layer(images[0], "DAPI", "bop blue", (100, 2600)),
        _layer(images[1], "FITC", "bop orange", (100, 1500)),
    ]


def _layer(images: Pixels, channel: str, colormap: str, limits: tuple[int, int]) -> LayerTuple:
    options: dict[str, Any] = {
        "name": f"{channel} (sample)",
        "metadata": {"wells": WELLS, "sites": SITES},
        "colormap": colormap,
        "contrast_limits": limits,
        "blending": "additive",
        "axis_labels": ("well", "site", "y", "x"),
        "scale": (1, 1, PIXEL_MICROMETRES, PIXEL_MICROMETRES),
    }
    return images, options, "image"


def _site(rng: np.random.Generator, cells: int) -> Pixels:
    """Return nuclei and the cell bodies around them; each cell is a soft, irregular ellipse."""
    nuclei, bodies = np.zeros((2, SIDE, SIDE), np.float32)
    for y, x in _places(rng, cells):
        turn, brightness = rng.uniform(0, math.pi), rng.lognormal(0, 0.25)
        _paint(bodies, y, x, (rng.uniform(30, 42), rng.uniform(22, 30)), turn, 900 * brightness)
        _paint(nuclei, y, x, (rng.uniform(13, 16), rng.uniform(10, 13)), turn, 1900 * brightness)
    light = np.stack([nuclei, bodies]) + BACKGROUND
    grey = light + rng.standard_normal(light.shape, np.float32) * (NOISE + np.sqrt(light))
    image: Pixels = np.clip(grey, 0, 65535).astype(np.uint16)
    return image


def _places(rng: np.random.Generator, cells: int) -> list[tuple[float, float]]:
    """Return where the cells lie: none of them on top of another."""
    places: list[tuple[float, float]] = []
    for y, x in rng.uniform(0, SIDE, (30 * cells, 2)):
        if len(places) < cells and all(math.dist((y, x), other) > 44 for other in places):
            places.append((y, x))
    return places


def _paint(light: Light, y: float, x: float, radii: tuple[float, float], turn: float, height: float) -> None:
    reach = math.ceil(1.4 * max(radii))
    top, left = max(0, int(y) - reach), max(0, int(x) - reach)
    rows, columns = np.ogrid[top : min(SIDE, int(y) + reach), left : min(SIDE, int(x) + reach)]
    along = (rows - y) * math.sin(turn) + (columns - x) * math.cos(turn)
    across = (rows - y) * math.cos(turn) - (columns - x) * math.sin(turn)
    angle = np.arctan2(across, along)
    wobble = 1 + 0.08 * np.sin(3 * angle + turn) + 0.05 * np.sin(5 * angle)
    depth = np.hypot(along / radii[0], across / radii[1]) / wobble
    cell = height * np.clip((1.05 - depth) / 0.3, 0, 1) * (0.8 + 0.2 * np.cos(7 * depth))
    here = light[top : top + cell.shape[0], left : left + cell.shape[1]]
    np.maximum(here, cell, out=here, casting="same_kind")
