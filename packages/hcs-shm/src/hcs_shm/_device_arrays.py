"""Arrays in a CUDA device's memory: of CuPy, Numba and all that have ``__cuda_array_interface__``."""

import math
from typing import Any

import numpy as np

from hcs_protocol import UnsupportedArrayError

from ._copying import copy_pixels
from ._cuda import LEGACY
from ._device_memory import DeviceMemory, rows_of
from ._dtypes import Array
from ._sources import Source, Streams, as_host, device_errors, loaded, name_of


class DeviceArray(Source):
    """An array whose memory is a CUDA device's."""

    def __init__(self, array: Any, interface: dict[str, Any]) -> None:
        self.is_on_device = True
        self._array = array
        self._interface = interface
        self.shape = tuple(interface["shape"])
        self.dtype = np.dtype(interface["typestr"])
        if interface.get("stream") == 0:  # 0 would be one of two default streams
            raise UnsupportedArrayError(f"wanted a stream that is not 0 from {name_of(array)}")

    def copy_to(self, target: Array) -> None:
        """Copy them through CuPy or PyTorch if they are loaded, else as the array's own library can."""
        cupy, torch = loaded("cupy"), loaded("torch")
        if cupy is not None:
            with device_errors(self._array):
                copy_pixels(target, cupy.asnumpy(cupy.asarray(self._array)))
        elif torch is not None and torch.cuda.is_available():
            with device_errors(self._array):
                copy_pixels(target, torch.as_tensor(self._array, device="cuda").cpu().numpy())
        else:
            copy_pixels(target, as_host(self._array))

    def on_device(self, streams: Streams) -> DeviceMemory | None:
        """Say where they are; what lies in no rows is packed by CuPy or PyTorch first."""
        interface, itemsize = self._interface, self.dtype.itemsize
        rows = rows_of(self.shape, interface.get("strides"), itemsize)
        if rows is None:
            return self._packed(streams)
        if self.dtype.byteorder == ">":
            return None
        pointer = interface["data"][0]
        nbytes = itemsize * math.prod(self.shape)
        device = streams.device_of(pointer)
        stream = interface.get("stream", LEGACY)  # older versions of the interface have none
        return DeviceMemory(self._array, pointer, device, stream, nbytes, *rows)

    def _packed(self, streams: Streams) -> DeviceMemory | None:
        if (cupy := loaded("cupy")) is None:
            return None
        with device_errors(self._array):
            packed = cupy.ascontiguousarray(cupy.asarray(self._array))
        return DeviceArray(packed, packed.__cuda_array_interface__).on_device(streams)


def device_array(array: Any) -> DeviceArray | None:
    """Return the source of an array on a CUDA device; None if it is none, or does not say what it has."""
    interface = getattr(array, "__cuda_array_interface__", None)
    if not isinstance(interface, dict) or not {"shape", "typestr", "data"} <= interface.keys():
        return None
    return DeviceArray(array, interface)
