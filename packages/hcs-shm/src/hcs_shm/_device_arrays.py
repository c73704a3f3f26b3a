"""Arrays in a CUDA device's memory: of CuPy, Numba and all that have ``__cuda_array_interface__``."""

from typing import Any

import numpy as np

from ._copying import copy_pixels
from ._dtypes import Array, Dtype
from ._sources import as_host, is_a, loaded


class DeviceArray:
    """An array whose memory is a CUDA device's."""

    def __init__(self, array: Any, shape: tuple[int, ...], dtype: Dtype) -> None:
        self._array = array
        self.shape = shape
        self.dtype = dtype

    def copy_to(self, target: Array) -> None:
        """Copy them through CuPy or PyTorch if they are loaded, else as the array's own library can."""
        cupy, torch = loaded("cupy"), loaded("torch")
        if cupy is not None:
            copy_pixels(target, as_host(self._array, cupy.asnumpy))
        elif torch is not None:
            copy_pixels(target, as_host(torch.as_tensor(self._array, device="cuda").cpu()))
        else:
            copy_pixels(target, as_host(self._array))


def device_array(array: Any) -> DeviceArray | None:
    """Return the source of an array on a CUDA device; None if it is none, or does not say what it has."""
    if is_a(array, "jax", "Array"):
        return None  # says the same, and comes to the host by itself
    interface = getattr(array, "__cuda_array_interface__", None)
    if not isinstance(interface, dict) or not {"shape", "typestr"} <= interface.keys():
        return None
    return DeviceArray(array, tuple(interface["shape"]), np.dtype(interface["typestr"]))
