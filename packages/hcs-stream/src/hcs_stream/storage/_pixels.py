"""Any library's array as pixels in host memory."""

from typing import Any, cast

import numpy as np

from hcs_protocol import DTYPES, UnsupportedArrayError

from ._backend import Pixels

SHAPES = "wanted pixels of shape (y, x), (z, y, x), or (y, x, 3 or 4) for colours"


def host_pixels(array: object) -> Pixels:
    """Return the pixels of an array of NumPy, torch, CuPy or JAX, little-endian; not copied if it can be.

    Raises:
        UnsupportedArrayError: It is no array, or none that is an image.
    """
    pixels = array if isinstance(array, np.ndarray) else _from_elsewhere(array)
    if pixels.dtype.name not in DTYPES:
        raise UnsupportedArrayError(f"wanted pixels of {', '.join(DTYPES)}, found {pixels.dtype}")
    if pixels.ndim not in {2, 3} or not pixels.size:
        raise UnsupportedArrayError(f"{SHAPES}, found {pixels.shape!r}")
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def is_coloured(pixels: Pixels, kind: str = "image") -> bool:
    """Say whether the last axis is red, green, blue: three axes, 3 or 4 long at the end, and uint8."""
    return pixels.ndim == 3 and pixels.shape[-1] in {3, 4} and pixels.dtype == np.uint8 and kind == "image"


def _from_elsewhere(array: object) -> Pixels:
    known = array
    for name in ("detach", "cpu", "get"):  # torch, and CuPy
        if name != "get" or hasattr(known, "__cuda_array_interface__"):
            method = getattr(known, name, None)
            known = method() if callable(method) else known
    if not any(hasattr(known, name) for name in ("__array__", "__array_interface__", "__dlpack__", "shape")):
        raise UnsupportedArrayError(f"wanted an array, found {type(array).__name__}")
    by_dlpack = hasattr(known, "__dlpack__") and not hasattr(known, "__array__")
    try:
        return cast("Pixels", np.from_dlpack(cast("Any", known)) if by_dlpack else np.asarray(known))
    except Exception as error:  # another library's array may raise anything
        raise UnsupportedArrayError(f"cannot read the pixels of {type(array).__name__}: {error}") from error
