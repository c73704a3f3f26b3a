"""Whose array it is: found by what the array can do, and by its type only where the library is loaded."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from hcs_protocol import UnsupportedArrayError

from ._chunked import chunked
from ._converters import converter_of
from ._device_arrays import CupyArray, cupy_array, device_array
from ._device_memory import DeviceMemory
from ._dtypes import Array, Layout, layout_of
from ._jax import JaxArray, jax_array
from ._sources import DEVICE_ERRORS, HostArray, LazyArray, Source, Streams, as_host, is_a, loaded, name_of
from ._torch import Tensor, tensor_of

KNOWN = 256
"""A run has few kinds of images."""
_NO_ARRAYS = (str, bytes, bytearray, memoryview, list, tuple, int, float, complex, np.generic, type)
_TO_DENSE = "toarray", "todense", "to_dense"


def source_of(array: object) -> Source:
    """Return what an array says of itself and how its pixels are had; nothing is computed or copied.

    Raises:
        UnsupportedArrayError: Nobody knows this kind of array, or its pixels are not to be had.
    """
    kind = type(array)
    if (look := _found_by.get(kind)) is not None and (source := look(array)) is not None:
        return source
    if isinstance(array, np.ndarray):
        return HostArray(as_host(array))
    if (converter := converter_of(kind)) is not None:
        array = converter(array)
    for look in _LOOKS:
        if (source := look(array)) is not None:
            if look in _OF_DEVICES and converter is None:
                _found_by[kind] = _OF_DEVICES[look]
            return source
    advice = next((f"array.{name}()" for name in _TO_DENSE if hasattr(array, name)), "np.asarray of it")
    raise UnsupportedArrayError(f"wanted an array, got {name_of(array)}: send {advice}")


def remember_way(array: object, source: Source) -> None:
    """Remember for an array's type how a device's memory is had at once."""
    if source.at_once is not None and type(array) in _found_by:
        at_once_by[type(array)] = source.at_once


def layout_before(array: Any) -> Layout | None:
    """Return what one of the same type, shape and dtype was found to have; None if there was none.

    Whether this one's pixels are to be had is left to `source_of`.
    """
    if _found_by.get(type(array)) not in _SAY_ALL:
        return None
    try:
        return _layouts.get((type(array), array.shape, array.dtype))
    except (AttributeError, TypeError, *DEVICE_ERRORS):  # such as of a nested tensor: `source_of` says why
        return None


def remember_layout(array: Any, layout: Layout) -> None:
    """Remember what a device's array was found to have, if its library is known.

    The shape of another one's may be a function, which would keep the array, or not be that of its pixels.
    """
    if _found_by.get(type(array)) in _SAY_ALL:
        if len(_layouts) >= KNOWN:
            _layouts.clear()
        with suppress(AttributeError, TypeError):
            _layouts[type(array), array.shape, array.dtype] = layout


def put(target: Array, chunk: object) -> None:
    """Write a chunk of an array, which may be of another library than the whole, into its place."""
    source = source_of(chunk)
    layout = layout_of(source.shape, source.dtype)
    if layout != (target.shape, target.dtype.name):
        wanted = f"{target.dtype.name} of shape {target.shape}"
        raise UnsupportedArrayError(f"wanted a chunk as its array says, {wanted}, computed {layout!r}")
    source.copy_to(target)


def _numpy(array: object) -> Source | None:
    return HostArray(as_host(array)) if isinstance(array, np.ndarray) else None


def _wrapped(array: Any) -> Source | None:
    return source_of(array.data) if is_a(array, "xarray", "DataArray") else None


def _chunked(array: object) -> Source | None:
    return chunked(array, put)


def _described(array: Any) -> Source | None:
    if isinstance(array, _NO_ARRAYS) or not all(hasattr(array, name) for name in _DESCRIPTION):
        return None
    shape, dtype = array.shape, array.dtype
    if not isinstance(dtype, np.dtype) or not all(isinstance(length, int) for length in shape):
        return HostArray(as_host(array))
    return LazyArray(array, tuple(shape), dtype)


def _interface(array: Any) -> Source | None:
    if isinstance(array, _NO_ARRAYS):
        return None
    name = "__array_interface__"
    has_it = hasattr(type(array), name) or hasattr(array, name)  # in this order: Pillow's makes a copy
    return HostArray(as_host(array)) if has_it else None


def _dlpack(array: Any) -> Source | None:
    if isinstance(array, type) or not hasattr(array, "__dlpack__"):
        return None
    return HostArray(as_host(array, _from_dlpack))


def _from_dlpack(array: Any) -> Array:
    if array.__dlpack_device__()[0] in _CUDA and (fetched := _fetched(array)) is not None:
        return fetched
    try:
        return np.from_dlpack(array, device="cpu")
    except TypeError:  # NumPy before 2.1, or a library that cannot copy
        return np.from_dlpack(array)


def _fetched(array: Any) -> Array | None:
    """Let a library that knows CUDA fetch it from there; None if none is loaded."""
    cupy: Any = loaded("cupy")
    torch: Any = loaded("torch")
    pixels: Array
    if cupy is not None:
        pixels = cupy.asnumpy(cupy.from_dlpack(array))
    elif torch is not None and torch.cuda.is_available():
        pixels = torch.from_dlpack(array).cpu().numpy()
    else:
        return None
    return pixels


_CUDA = 2, 13
"""kDLCUDA and kDLCUDAManaged, as DLPack numbers devices."""
_found_by: dict[type, Callable[[object], Source | None]] = {}
"""What a device's array took the last time: to ask all others costs a pipeline more than the copy's start."""

at_once_by: dict[type, Callable[[Any, Streams], DeviceMemory | None]] = {}
"""`Source.at_once` of what came before."""
_layouts: dict[object, Layout] = {}

_DESCRIPTION = "__array__", "shape", "dtype"
_OF_DEVICES: dict[Callable[[Any], Source | None], Callable[[Any], Source | None]] = {
    tensor_of: Tensor,
    jax_array: JaxArray,
    cupy_array: CupyArray,
    device_array: device_array,
}
"""What finds such arrays, and what makes the source of one of the same type."""
_SAY_ALL = Tensor, JaxArray, CupyArray
"""Whose ``shape`` and ``dtype`` are those of their pixels, and nothing else."""
_LOOKS: tuple[Callable[[object], Source | None], ...] = (
    *(_numpy, tensor_of, jax_array, cupy_array, _wrapped, device_array),
    *(_chunked, _described, _interface, _dlpack),
)
