"""From an array, and what a caller says of it, to how its bytes are to be read; checked before any copy."""

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import get_args

import numpy as np
import numpy.typing as npt

from hcs_protocol import DTYPES, ImageSpec, InvalidComponentError, Kind, PixelWriter, UnsupportedArrayError

from ._addresses import ImageKeywords

logger = logging.getLogger(__name__)

SHAPES = "wanted (y, x), (z, y, x), or (y, x, 3 or 4) for colours"
KNOWN = 256
FEW = 16
"""What has no more rows or columns than this is hardly a picture in colours."""

Known = tuple[ImageSpec, int]

_doubted: set[tuple[int, ...]] = set()
"""The shape of which a warning was said, once in a process: it may have been colours."""

_LITTLE = {name: np.dtype(name).newbyteorder("<") for name in DTYPES}


class Specs:
    """The specs of the arrays that a writer can copy; a run has few, and they come again and again."""

    def __init__(self, writer: PixelWriter) -> None:
        self._writer = writer
        self._known: dict[object, Known] = {}

    def of(self, array: object, keywords: ImageKeywords) -> Known:
        """Return how an array's bytes are to be read, and how many they are.

        Raises:
            UnsupportedArrayError: It is no array, or no viewer can draw it.
            InvalidComponentError: A keyword has a value that it cannot have.
        """
        if type(array) is not np.ndarray:
            return self._ask(array, keywords)
        get = keywords.get
        size, step, light = get("pixel_size"), get("z_step"), get("emission_wavelength")
        looks = array.shape, array.dtype, get("axes"), get("kind"), size, step, light
        try:
            return self._known[looks]
        except KeyError:
            pass
        except TypeError:  # what cannot be hashed
            return self._ask(array, keywords)
        if len(self._known) >= KNOWN:
            self._known.clear()
        return self._known.setdefault(looks, self._ask(array, keywords))

    def _ask(self, array: object, keywords: ImageKeywords) -> Known:
        spec = image_spec(*self._writer.layout(array), keywords)
        return spec, spec.nbytes


def dtype_to_lend(shape: Sequence[int], dtype: npt.DTypeLike) -> np.dtype[np.generic]:
    """Return the little-endian dtype of an array of this shape that an image can be.

    Raises:
        UnsupportedArrayError: No image has this dtype or shape.
    """
    try:
        little = _little(dtype)  # type: ignore[arg-type]  # what cannot be hashed raises
    except TypeError:  # what cannot be hashed, or is no dtype
        little = _little.__wrapped__(dtype)
    if little is None or len(shape) not in {2, 3} or min(shape) < 1:
        wanted = f"wanted (z, y, x), (y, x) or (y, x, c) pixels of {', '.join(DTYPES)}"
        raise UnsupportedArrayError(f"{wanted}, got {np.dtype(dtype)} of shape {tuple(shape)!r}")
    return little


@lru_cache(KNOWN)
def _little(dtype: npt.DTypeLike) -> np.dtype[np.generic] | None:
    return _LITTLE.get(np.dtype(dtype).name)  # numpy makes the name anew each time, which takes long


def image_spec(shape: tuple[int, ...], dtype: str, keywords: ImageKeywords) -> ImageSpec:
    """Return how an image's bytes are to be read.

    Raises:
        UnsupportedArrayError: A viewer cannot draw arrays of this shape, dtype or kind.
    """
    axes = keywords.get("axes")
    return _checked_spec(
        shape,
        dtype,
        tuple(axes) if axes else None,
        keywords.get("kind", "image"),
        _pair(keywords.get("pixel_size")),
        _float(keywords.get("z_step")),
        _float(keywords.get("emission_wavelength")),
    )


@lru_cache(256)
def _checked_spec(
    shape: tuple[int, ...],
    dtype: str,
    axes: tuple[str, ...] | None,
    kind: Kind,
    pixel_size: tuple[float, float] | None,
    z_step: float | None,
    emission_wavelength: float | None,
) -> ImageSpec:
    if len(shape) not in {2, 3} or not min(shape):
        raise UnsupportedArrayError(f"{SHAPES}, shape is {shape!r}")
    if kind not in get_args(Kind):
        raise InvalidComponentError(f"an image's kind is 'image' or 'labels', not {kind!r}")
    spec = ImageSpec(
        shape=shape,
        dtype=dtype,
        axes=axes or _axes(shape, dtype, kind),
        kind=kind,
        pixel_size=pixel_size,
        z_step=z_step,
        emission_wavelength=emission_wavelength,
    )
    spec.check()
    return spec


def _axes(shape: tuple[int, ...], dtype: str, kind: Kind) -> tuple[str, ...]:
    if len(shape) == 2:
        return ("y", "x")
    may_be_colours = shape[-1] in {3, 4} and kind == "image"
    if may_be_colours and dtype == "uint8":
        return ("y", "x", "c")
    if may_be_colours and min(shape[:2]) > FEW and not _doubted:
        _doubted.add(shape)
        logger.warning("taken as %d planes of %d × %d pixels; say axes='yxc' if these are colours", *shape)
    return ("z", "y", "x")


def _pair(pixel_size: float | tuple[float, float] | None) -> tuple[float, float] | None:
    if pixel_size is None:
        return None
    match pixel_size:
        case (float(), float()):
            return pixel_size
    lengths = np.ravel(np.asarray(pixel_size, dtype=float)).tolist()
    if len(lengths) not in {1, 2}:
        raise InvalidComponentError(f"a pixel's size is one length or (height, width), not {pixel_size!r}")
    return lengths[0], lengths[-1]


def _float(number: float | None) -> float | None:
    return None if number is None else float(number)
