"""Arrays in a CUDA device's memory: of CuPy, Numba and all that have ``__cuda_array_interface__``."""

import math
import sys
from typing import Any

import numpy as np

from hcs_protocol import UnsupportedArrayError

from ._copying import copy_pixels
from ._cuda import LEGACY
from ._device_memory import NO_GAPS, DeviceMemory, rows_of
from ._dtypes import LITTLE, Array, Dtype, is_bfloat16
from ._sources import DEVICE_ERRORS, Source, Streams, as_host, device_error, is_a, loaded, name_of

_as_in_blocks = frozenset(LITTLE.values())
_little = {dtype.str: dtype for dtype in _as_in_blocks}
"""What most arrays say their dtype is."""


class DeviceArray(Source):
    """An array whose memory is a CUDA device's."""

    def __init__(self, array: Any, interface: dict[str, Any]) -> None:
        self.is_on_device = True
        self._array = array
        self._interface = interface
        self.shape = tuple(map(int, interface["shape"]))
        typestr, (self._pointer, *_) = interface["typestr"], interface["data"]
        self.dtype = _little.get(typestr) or _dtype(array, typestr)
        if interface.get("mask") is not None:
            raise UnsupportedArrayError("masked pixels have no value: send the array without its mask")
        if interface.get("stream") == 0:  # 0 would be one of two default streams
            raise UnsupportedArrayError(f"wanted a stream that is not 0 from {name_of(array)}")

    def copy_to(self, target: Array) -> None:
        """Copy them through CuPy or PyTorch if they are loaded, else as the array's own library can."""
        copy_pixels(target, as_host(self._array, _read))

    def on_device(self, streams: Streams) -> DeviceMemory | None:
        """Say where they are; what lies in no rows is packed by CuPy first."""
        interface, itemsize, pointer = self._interface, self.dtype.itemsize, int(self._pointer)
        if self.dtype.byteorder == ">" or (device := streams.device_of(pointer)) is None:
            return None
        strides = interface.get("strides")
        rows = NO_GAPS if strides is None else rows_of(self.shape, strides, itemsize)
        if rows is None or (self.dtype.kind == "V" and is_bfloat16(self.dtype)):
            return self._packed(streams, device)
        stream = interface.get("stream", LEGACY)  # older versions of the interface have none
        if stream is not None and not streams.is_on(device):  # CuPy names that of the thread's device
            with streams.on(device):
                stream = _interface(self._array).get("stream", LEGACY)
        return DeviceMemory(self._array, pointer, device, stream, itemsize * math.prod(self.shape), *rows)

    def _packed(self, streams: Streams, device: int) -> DeviceMemory | None:
        if (cupy := loaded("cupy")) is None:
            return None
        with streams.on(device):
            try:
                packed = cupy.ascontiguousarray(cupy.asarray(self._array))
                if is_bfloat16(self.dtype):
                    packed = packed.astype(np.float32)
            except DEVICE_ERRORS as error:
                raise device_error(self._array, error) from error
            return DeviceArray(packed, _interface(packed)).on_device(streams)


class CupyArray(Source):
    """An array of CuPy, which takes several times as long to describe itself as this takes to look."""

    def __init__(self, array: Any) -> None:
        self.is_on_device = True
        self.at_once = _memory_of
        self._array = array
        self.shape = array.shape
        self.dtype = array.dtype

    def copy_to(self, target: Array) -> None:
        """Copy them by CuPy."""
        copy_pixels(target, as_host(self._array, _read))

    def on_device(self, streams: Streams) -> DeviceMemory | None:
        """Say where they are; where it is not that simple, let the array say it."""
        array = self._array
        return _memory_of(array, streams) or DeviceArray(array, _interface(array)).on_device(streams)


def cupy_array(array: Any) -> CupyArray | None:
    """Return the source of an array of CuPy; None if it is none."""
    return CupyArray(array) if is_a(array, "cupy", "ndarray") else None


def device_array(array: Any) -> DeviceArray | None:
    """Return the source of an array on a CUDA device; None if it is none, or does not say what it has."""
    interface = _interface(array)
    if not isinstance(interface, dict):
        return None
    try:
        return DeviceArray(array, interface)
    except KeyError:
        return None
    except UnsupportedArrayError:
        raise
    except (TypeError, ValueError) as error:
        raise UnsupportedArrayError(f"{name_of(array)} says of itself {interface!r}: {error}") from error


def _interface(array: Any) -> Any:
    """Return what an array says of itself; None if it says nothing."""
    try:
        return getattr(array, "__cuda_array_interface__", None)
    except DEVICE_ERRORS as error:
        raise device_error(array, error) from error


def _memory_of(array: Any, streams: Streams) -> DeviceMemory | None:
    """Say where an array of CuPy lies; None if that is not in C order, or not on the thread's device."""
    memory = array.data
    device = memory.device_id
    if array.dtype not in _as_in_blocks or not (array.flags.c_contiguous and streams.is_on(device)):
        return None
    stream = sys.modules["cupy"].cuda.get_current_stream().ptr or _default_stream(array)
    return DeviceMemory(array, memory.ptr, device, stream, array.nbytes)


def _default_stream(array: Any) -> int:
    """Return which of the two default streams is CuPy's, which numbers both 0; it stays the same one."""
    if not _default_streams:
        _default_streams.append(_interface(array).get("stream", LEGACY))
    return _default_streams[0]


_default_streams: list[int] = []


def _dtype(array: Any, said: str) -> Dtype:
    """Return an array's dtype, which is no other than bytes where the interface has no name for it."""
    dtype, own = np.dtype(said), getattr(array, "dtype", None)
    return own if isinstance(own, np.dtype) and is_bfloat16(own) else dtype


def _read(array: Any) -> Array:
    cupy: Any = loaded("cupy")
    torch: Any = loaded("torch")
    pixels: Array
    if cupy is None and (torch is None or not torch.cuda.is_available()):
        pixels = np.asarray(array)
        if pixels.dtype.hasobject:  # NumPy's word for "no array"
            advice = "pip install 'hcs-shm[cuda]', or send it as an array of NumPy"
            raise UnsupportedArrayError(f"nothing here copies {name_of(array)} from its device: {advice}")
        return pixels
    try:
        if cupy is not None:
            pixels = cupy.asnumpy(cupy.asarray(array))
        else:
            torch.cuda.synchronize()  # it does not look which stream computes the array
            pixels = torch.as_tensor(array, device="cuda").cpu().numpy()
    except DEVICE_ERRORS as error:
        raise device_error(array, error) from error
    return pixels
