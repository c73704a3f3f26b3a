"""Compare what a canvas shows with the plane that it should show."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from hcs_protocol import State

Pixels = npt.NDArray[np.generic]


def canvas_correlation(png: bytes, state: State, plane: Pixels) -> float:
    """Return how well the canvas correlates with a plane, from -1 to 1.

    Args:
        png: A screenshot of the canvas, with one layer visible.
        state: Says where the camera looks.
        plane: Grey values of shape ``(y, x)``, one unit of the world per pixel.
    """
    canvas = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=float).sum(axis=2)
    rows = _plane_indexes(canvas.shape[0], state.camera_center[-2], state.camera_zoom)
    columns = _plane_indexes(canvas.shape[1], state.camera_center[-1], state.camera_zoom)
    inside_y, inside_x = _inside(rows, plane.shape[0]), _inside(columns, plane.shape[1])
    seen = canvas[np.ix_(inside_y, inside_x)]
    expected = plane[np.ix_(rows[inside_y], columns[inside_x])].astype(float)
    low, high = np.percentile(expected, [0.5, 99.8])
    return float(np.corrcoef(seen.ravel(), np.clip(expected, low, high).ravel())[0, 1])


def _plane_indexes(length: int, center: float, zoom: float) -> npt.NDArray[np.int64]:
    indexes: npt.NDArray[np.int64] = np.rint(center + (np.arange(length) + 0.5 - length / 2) / zoom).astype(
        np.int64
    )
    return indexes


def _inside(indexes: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.bool_]:
    return (indexes >= 0) & (indexes < length)
