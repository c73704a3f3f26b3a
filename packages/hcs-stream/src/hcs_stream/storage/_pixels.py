"""Any library's array as pixels in host memory."""

from collections.abc import Sequence
from typing import Any, cast, get_args

import numpy as np

from hcs_protocol import DTYPES, ImageSpec, InvalidComponentError, Kind, UnsupportedArrayError

from ._backend import Pixels

FEW = 8
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


def check_described(
    pixels: Pixels,
    *,
    kind: str = "image",
    axes: str | Sequence[str] | None = None,
    pixel_size: float | tuple[float, float] | None = None,
    z_step: float | None = None,
    emission_wavelength: float | None = None,
) -> None:
    """Refuse what cannot be said of an image, as a viewer does.

    Raises:
        InvalidComponentError: There is no such kind, or a length is none.
        UnsupportedArrayError: Axes, kind, lengths or wavelength do not fit.
    """
    if kind not in get_args(Kind):
        raise InvalidComponentError(f"an image's kind is 'image' or 'labels', not {kind!r}")
    known = tuple(axes) if axes else _axes(pixels, kind)
    try:
        lengths = None if pixel_size is None else np.ravel(np.asarray(pixel_size, dtype=float)).tolist()
        step = None if z_step is None else float(z_step)
        wavelength = None if emission_wavelength is None else float(emission_wavelength)
    except (TypeError, ValueError) as error:
        raise InvalidComponentError(f"wanted lengths as numbers: {error}") from error
    if lengths is not None and len(lengths) not in {1, 2}:
        raise InvalidComponentError(f"a pixel's size is one length or (height, width), not {pixel_size!r}")
    ImageSpec(
        shape=tuple(min(side, FEW) for side in pixels.shape),  # of any size: none of it is sent
        dtype=pixels.dtype.name,
        axes=cast("Any", known),
        kind=cast("Kind", kind),
        pixel_size=None if lengths is None else (lengths[0], lengths[-1]),
        z_step=step,
        emission_wavelength=wavelength,
    ).check()


def check_lengths(
    pixel_size: float | tuple[float, float] | None, z_step: float | None, *wavelengths: float
) -> None:
    """Refuse lengths that cannot be, as `check_described`."""
    for wavelength in (None, *wavelengths):
        check_described(
            np.zeros((1, 1), np.uint8),
            pixel_size=pixel_size,
            z_step=z_step,
            emission_wavelength=wavelength,
        )


def height_and_width(pixel_size: float | tuple[float, float] | None) -> tuple[float, float] | None:
    """Return the sides of a pixel of which both, or one for both, are given."""
    if pixel_size is None:
        return None
    lengths = np.ravel(np.asarray(pixel_size, dtype=float)).tolist()
    return lengths[0], lengths[-1]


def _axes(pixels: Pixels, kind: str) -> tuple[str, ...]:
    if pixels.ndim == 2:
        return ("y", "x")
    return ("y", "x", "c") if is_coloured(pixels, kind) else ("z", "y", "x")


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
