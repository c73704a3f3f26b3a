"""Tensors of PyTorch, on any device: attached to a graph, bfloat16, channels last or negated by a bit."""

import sys
from typing import Any

import numpy as np

from hcs_protocol import UnsupportedArrayError

from ._copying import copy_pixels, widen
from ._cuda import LEGACY
from ._device_memory import DeviceMemory, rows_of
from ._dtypes import LITTLE, Array, Dtype, refused
from ._sources import DEVICE_ERRORS, Source, Streams, as_host, device_error, is_a, loaded

_ADVICE = "send array.float()"
_UNSIGNED = "int16", "int32", "int64"
_COMPLEX = "send array.abs(), array.real or array.imag"


class Tensor(Source):
    """A strided tensor."""

    def __init__(self, tensor: Any) -> None:
        found: Any = sys.modules["torch"]
        if type(tensor) is not found.Tensor and hasattr(tensor, "full_tensor"):
            raise UnsupportedArrayError(
                "this tensor lies on several devices: send array.full_tensor() or array.to_local()"
            )
        if tensor.layout is not found.strided or tensor.is_nested:
            raise UnsupportedArrayError(f"wanted a dense tensor, got {tensor.layout}: send array.to_dense()")
        self._tensor = tensor.detach() if tensor.requires_grad else tensor
        self.is_on_device = tensor.is_cuda and not found.version.hip  # which it calls so, too
        if not self.is_on_device and tensor.is_meta:
            raise UnsupportedArrayError("a tensor on the device 'meta' has no pixels")
        self.at_once = _memory_of
        self.shape = tuple(tensor.shape)
        self.dtype = _dtypes.get(tensor.dtype) or _dtype(tensor)

    def copy_to(self, target: Array) -> None:
        """Copy them; from a device, through the memory that its driver keeps for that."""
        if (pixels := self.look()) is not None:
            copy_pixels(target, pixels)
        elif self._tensor.device.type == "cpu":
            halves = self._tensor.resolve_neg().view(torch().int16)
            widen(target, as_host(halves, lambda pixels: pixels.numpy().view(np.uint16)))
        else:
            try:
                torch().from_numpy(target).copy_(self._tensor)
            except DEVICE_ERRORS as error:
                raise device_error(self._tensor, error) from error

    def look(self) -> Array | None:
        """Return them if NumPy knows the dtype and the host has them."""
        if self._tensor.device.type != "cpu" or self._tensor.dtype is torch().bfloat16:
            return None
        return as_host(self._tensor.resolve_neg(), lambda pixels: pixels.numpy())

    def on_device(self, streams: Streams) -> DeviceMemory | None:
        """Say where they are; what lies in no rows is packed first."""
        tensor, width, pitch = self._tensor, 0, 0
        try:
            if tensor.is_neg():
                tensor = tensor.resolve_neg()
            if tensor.dtype is sys.modules["torch"].bfloat16:
                tensor = tensor.float()
            if not tensor.is_contiguous():
                itemsize = self.dtype.itemsize
                found = rows_of(self.shape, tuple(itemsize * stride for stride in tensor.stride()), itemsize)
                if found is None:
                    tensor = _packed(tensor)
                else:
                    width, pitch = found
            device = tensor.get_device()
            stream = _stream_of(device)
            return DeviceMemory(tensor, tensor.data_ptr(), device, stream, tensor.nbytes, width, pitch)
        except DEVICE_ERRORS as error:
            raise device_error(tensor, error) from error


def _memory_of(tensor: Any, _streams: Streams) -> DeviceMemory | None:
    """Say where the most usual tensor lies; None if it takes a closer look."""
    torch: Any = sys.modules["torch"]
    dtype = tensor.dtype
    if not tensor.is_cuda or tensor.layout is not torch.strided or tensor.is_nested:
        return None
    if dtype not in _dtypes or dtype is torch.bfloat16 or not tensor.is_contiguous() or tensor.is_neg():
        return None
    device = tensor.get_device()
    try:
        stream = torch._C._cuda_getCurrentRawStream(device) or LEGACY  # noqa: SLF001 - 5 µs less than the other
        return DeviceMemory(tensor, tensor.data_ptr(), device, stream, tensor.nbytes)
    except (AttributeError, *DEVICE_ERRORS):  # within `torch.func.vmap` it lies nowhere
        return None


def torch() -> Any:
    """Return PyTorch, which who has a tensor has imported."""
    return loaded("torch")


def tensor_of(array: object) -> Tensor | None:
    """Return a tensor's source; None if it is none."""
    return Tensor(array) if is_a(array, "torch", "Tensor") else None


def _stream_of(device: int) -> int:
    """Return the number of the stream that computes on a device now, for this thread."""
    try:
        found: Any = sys.modules["torch"]
        stream: int = found._C._cuda_getCurrentRawStream(device)  # noqa: SLF001 - 5 µs less than the other
    except AttributeError:
        stream = torch().cuda.current_stream(device).cuda_stream
    return stream or LEGACY


def _packed(tensor: Any) -> Any:
    """Copy it to where it lies without gaps, as signed integers: there are few kernels for the unsigned."""
    name = str(tensor.dtype).removeprefix("torch.u")
    return (tensor.view(getattr(torch(), name)) if name in _UNSIGNED else tensor).contiguous()


_dtypes: dict[object, Dtype] = {}
"""Those of PyTorch that came before, and what NumPy calls them."""


def _dtype(tensor: Any) -> Dtype:
    if tensor.is_quantized:
        raise UnsupportedArrayError("these pixels are quantized: send array.dequantize()")
    dtype = tensor.dtype
    name = str(dtype).removeprefix("torch.")
    little = LITTLE["float32"] if name == "bfloat16" else LITTLE.get(name)
    if little is None:
        raise refused(dtype, _COMPLEX if dtype.is_complex else _ADVICE)
    return _dtypes.setdefault(dtype, little)
