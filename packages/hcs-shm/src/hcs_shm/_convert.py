"""An array of any library to a block's bytes: C order, little-endian, one pass."""

import math
from collections.abc import Callable

import numpy as np

from ._copying import copy_pixels
from ._device import DeviceCopies, DeviceCopy, LaterCopy, process_copies
from ._dtypes import LITTLE, NAMES, Array, Layout, is_bfloat16, layout_of
from ._libraries import at_once_by, layout_before, remember_layout, remember_way, source_of
from ._sources import HostArray


class ArrayWriter:
    """Writes the arrays of all libraries that `to_numpy` reads; any thread may call it.

    Args:
        copies: What copies from CUDA devices; by default this process's.
    """

    def __init__(self, copies: Callable[[], DeviceCopies | None] = process_copies) -> None:
        self._copies = copies
        self._begun: DeviceCopies | None = None

    def layout(self, array: object) -> Layout:
        """Return an array's shape and the name of its pixels' dtype; a lazy array is not computed for it.

        Raises:
            UnsupportedArrayError: It is no array that this writer knows, or no image has its dtype or shape.
        """
        if type(array) is np.ndarray:  # most are: no call more than it takes
            shape, name = array.shape, NAMES.get(array.dtype)
            return (shape, name) if name and shape and 0 not in shape else layout_of(shape, array.dtype)
        if (known := layout_before(array)) is not None:
            return known
        source = source_of(array)
        layout = layout_of(source.shape, source.dtype)
        remember_layout(array, layout)
        return layout

    def write(self, array: object, pixels: memoryview) -> None:
        """Copy an array into these bytes; conversion and copy are one pass, without the GIL.

        Raises:
            UnsupportedArrayError: It is no array that this writer knows, or no image has its dtype or shape.
            ValueError: It does not have as many bytes as there is room.
        """
        if type(array) is np.ndarray:
            _write(array, pixels)
        elif copy := self.start(array, pixels):
            copy.wait()

    def start(self, array: object, pixels: memoryview) -> DeviceCopy | LaterCopy | None:
        """Begin to copy an array into these bytes; None if they are there already.

        From a CUDA device into a segment that is what always begins, unless nobody says which stream
        computes the array. What the array's stream is given afterwards waits for it. What nobody can change,
        as JAX's arrays, is only held if it is large: that copy begins when it is first waited for.

        Raises:
            UnsupportedArrayError: As `write`.
            ValueError: As `write`.
            DeviceError: The device has no room to pack the pixels, or is lost.
        """
        if type(array) is np.ndarray:
            _write(array, pixels)
            return None
        source, memory, copies = None, None, None
        if (at_once := at_once_by.get(type(array))) and (copies := self._copies()):
            memory = at_once(array, copies)
        if memory is None:
            source = source_of(array)
            if source.is_on_device and (source.dtype in NAMES or is_bfloat16(source.dtype)):
                copies = self._copies()
                memory = source.on_device(copies) if copies else None
                remember_way(array, source)
        if copies is not None and memory is not None and memory.nbytes == pixels.nbytes:
            self._begun = copies
            return copies.start(memory, pixels)
        source = source or source_of(array)
        shape, name = layout_of(source.shape, source.dtype)
        _check_room(shape, name, pixels)
        source.copy_to(np.ndarray(shape, LITTLE[name], pixels))
        return None

    def finish(self) -> None:
        """Wait until no device writes into any block; at once if none ever did."""
        if self._begun is not None:
            self._begun.finish()


def to_numpy(array: object) -> Array:
    """Return an array's pixels as a viewer gets them; no copy where NumPy can look at them as they are.

    Known are NumPy's arrays in any layout and byte order; PyTorch's tensors, CuPy's and JAX's arrays on any
    device, and all that has ``__cuda_array_interface__``, ``__dlpack__`` or ``__array__``; arrays of dask and
    zarr, computed chunk by chunk; xarray's; and those for which an installed package brings a converter, an
    entry point of the group ``hcs.converters``. No library is imported for that. Values stay what they are:
    bfloat16 becomes float32, all other dtypes of images stay.

    Args:
        array: Pixels of any shape but an empty one.

    Raises:
        UnsupportedArrayError: Nobody knows this kind of array, or no image has its dtype, such as complex.
    """
    source = source_of(array)
    shape, name = layout_of(source.shape, source.dtype)
    seen = source.look()
    if seen is not None and seen.dtype == LITTLE[name]:
        return seen
    pixels: Array = np.empty(shape, LITTLE[name])
    (source if seen is None else HostArray(seen)).copy_to(pixels)
    return pixels


def _write(array: Array, pixels: memoryview) -> None:
    name = NAMES.get(array.dtype)
    if not (name and array.shape and 0 < array.nbytes == pixels.nbytes):
        _, name = layout_of(array.shape, array.dtype)
        _check_room(array.shape, name, pixels)
    copy_pixels(np.ndarray(array.shape, LITTLE[name], pixels), array)


def _check_room(shape: tuple[int, ...], name: str, pixels: memoryview) -> None:
    nbytes = LITTLE[name].itemsize * math.prod(shape)
    if nbytes != pixels.nbytes:
        raise ValueError(f"wanted room for {nbytes} bytes, there is room for {pixels.nbytes}")
