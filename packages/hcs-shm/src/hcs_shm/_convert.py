"""Any CPU array to bytes: C order, little-endian, one pass."""

import sys

import numpy as np
import numpy.typing as npt

from hcs_protocol import DTYPES, UnsupportedArrayError

_NO_ARRAYS = (str, bytes, bytearray, memoryview, list, tuple, int, float, complex, np.generic)
_ADVICE = {
    "c": "send np.abs(array), array.real or array.imag",
    "f": "send array.astype(np.float64)",
    "O": "send array.astype(np.float32), if its elements are numbers",
    "V": "send one field of it, or array.astype(np.float32)",
    "M": "send array.astype(np.int64)",
    "m": "send array.astype(np.int64)",
}

_STRIP = 32
"""Pixels: a strip's cache lines survive until its next row."""

_dtypes = {name: np.dtype(name).newbyteorder("<") for name in DTYPES}
_little = {dtype: name for name, dtype in _dtypes.items()}
_names = _little | {dtype.newbyteorder(">"): name for dtype, name in _little.items()}
"""To ask a dtype for its name costs more than all the rest of `ArrayWriter.layout`."""

Array = npt.NDArray[np.generic]
Layout = tuple[tuple[int, ...], np.dtype[np.generic]]


class ArrayWriter:
    """Writes arrays of NumPy, and of any library that shows its host memory to NumPy.

    That is: NumPy's own in any layout and byte order, its subclasses and memory maps; what has
    ``__array_interface__``; what has ``__array__``, ``shape`` and ``dtype``, as arrays of CPU torch, JAX,
    xarray and dask have. A masked array is refused: send ``array.filled(0)``.
    """

    def layout(self, array: object) -> tuple[tuple[int, ...], str]:
        """Return an array's shape and the name of its dtype; a lazy array is not computed for it.

        Raises:
            UnsupportedArrayError: It is no array that this writer knows, or no image has its dtype or shape.
        """
        if type(array) is np.ndarray:
            shape, dtype = array.shape, array.dtype
        else:
            shape, dtype = _lazy_layout(array) or _host_layout(_host(array))
        if (name := _names.get(dtype)) is None:
            advice = _ADVICE.get(dtype.kind, "send numbers")
            raise UnsupportedArrayError(f"wanted pixels of {', '.join(DTYPES)}, got {dtype!r}: {advice}")
        if 0 in shape or not shape:
            raise UnsupportedArrayError(f"wanted an array that has pixels, got shape {shape!r}")
        return shape, name

    def write(self, array: object, pixels: memoryview) -> None:
        """Copy an array into these bytes; conversion and copy are one pass, without the GIL.

        Raises:
            UnsupportedArrayError: It is no array that this writer knows, or no image has its dtype or shape.
            ValueError: It does not have as many bytes as there is room.
        """
        source = _host(array)
        _, name = self.layout(source)
        if source.nbytes != pixels.nbytes:
            raise ValueError(f"wanted room for {source.nbytes} bytes, there is room for {pixels.nbytes}")
        _copy(np.ndarray(source.shape, _dtypes[name], pixels), source)


def _copy(target: Array, source: Array) -> None:
    """Copy in strips where the last axis is not the densest: NumPy's own order is up to nine times slower."""
    if source.flags.c_contiguous:
        np.copyto(target, source)
        return
    densest = min((abs(stride) for stride in source.strides if stride), default=0)
    strip = _STRIP if abs(source.strides[-1]) > densest else source.shape[-1]
    for begin in range(0, source.shape[-1], strip):
        np.copyto(target[..., begin : begin + strip], source[..., begin : begin + strip])


def _host_layout(array: Array) -> Layout:
    return array.shape, array.dtype


def _lazy_layout(array: object) -> Layout | None:
    """Ask the array itself, which costs nothing; None if only its conversion tells, or whether it can be."""
    if (
        isinstance(array, np.ndarray)
        or not _describes_itself(array)
        or hasattr(array, "__cuda_array_interface__")
    ):
        return None
    shape, dtype = getattr(array, "shape", ()), getattr(array, "dtype", None)
    if not isinstance(dtype, np.dtype) or not all(isinstance(length, int) for length in shape):
        return None
    return tuple(shape), dtype


def _host(array: object) -> Array:
    if type(array) is np.ndarray:
        return array
    name = f"{type(array).__module__}.{type(array).__qualname__}"
    if _is_masked(array):
        raise UnsupportedArrayError("masked pixels have no value: send array.filled(0)")
    if isinstance(array, _NO_ARRAYS) or not (_has_interface(array) or _describes_itself(array)):
        raise UnsupportedArrayError(f"wanted an array, got {name}: send np.asarray of it")
    try:
        return np.asarray(array)
    except (TypeError, ValueError, RuntimeError) as error:  # what libraries raise when pixels are elsewhere
        raise UnsupportedArrayError(f"NumPy cannot read {name}: {error}") from error


def _is_masked(array: object) -> bool:
    """Ask without `np.ma`, which would import it: a child forked meanwhile would wait for that for ever."""
    module = sys.modules.get("numpy.ma")  # who has a masked array has imported it
    return isinstance(array, getattr(module, "MaskedArray", ()))


def _has_interface(array: object) -> bool:
    name = "__array_interface__"
    return hasattr(type(array), name) or hasattr(array, name)  # in this order: Pillow's makes a copy


def _describes_itself(array: object) -> bool:
    return all(hasattr(array, name) for name in ("__array__", "shape", "dtype"))
