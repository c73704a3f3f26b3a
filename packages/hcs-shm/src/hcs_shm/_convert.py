"""An array of any library to a block's bytes: C order, little-endian, one pass."""

import math

import numpy as np

from ._dtypes import LITTLE, Array, Layout, layout_of
from ._libraries import source_of
from ._sources import HostArray


class ArrayWriter:
    """Writes the arrays of all libraries that `to_numpy` reads; any thread may call it."""

    def layout(self, array: object) -> Layout:
        """Return an array's shape and the name of its pixels' dtype; a lazy array is not computed for it.

        Raises:
            UnsupportedArrayError: It is no array that this writer knows, or no image has its dtype or shape.
        """
        if type(array) is np.ndarray:
            return layout_of(array.shape, array.dtype)
        source = source_of(array)
        return layout_of(source.shape, source.dtype)

    def write(self, array: object, pixels: memoryview) -> None:
        """Copy an array into these bytes; conversion and copy are one pass, without the GIL.

        Raises:
            UnsupportedArrayError: It is no array that this writer knows, or no image has its dtype or shape.
            ValueError: It does not have as many bytes as there is room.
        """
        source = HostArray(array) if type(array) is np.ndarray else source_of(array)
        shape, name = layout_of(source.shape, source.dtype)
        target = np.ndarray(shape, LITTLE[name], _room(pixels, shape, name))
        source.copy_to(target)


def to_numpy(array: object) -> Array:
    """Return an array's pixels as a viewer gets them; a view if NumPy can look at them as they are.

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
    if isinstance(source, HostArray) and source.dtype == LITTLE[name]:
        return source.array
    pixels: Array = np.empty(shape, LITTLE[name])
    source.copy_to(pixels)
    return pixels


def _room(pixels: memoryview, shape: tuple[int, ...], name: str) -> memoryview:
    nbytes = LITTLE[name].itemsize * math.prod(shape)
    if nbytes != pixels.nbytes:
        raise ValueError(f"wanted room for {nbytes} bytes, there is room for {pixels.nbytes}")
    return pixels
