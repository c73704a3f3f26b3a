"""Arrays of JAX: of the host or of one device, bfloat16, and not computed yet."""

import math
import sys
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np

from hcs_protocol import UnsupportedArrayError

from ._copying import copy_pixels
from ._device_memory import DeviceMemory
from ._dlpack import pointer_in_c_order
from ._dtypes import NAMES, Array, is_bfloat16
from ._sources import DEVICE_ERRORS, Source, Streams, as_host, device_error, is_a

_CUDA = "cuda", "gpu"
LATER_NBYTES = 16 << 20
"""To copy so much takes a device so long that it matters little when that begins."""


class JaxArray(Source):
    """An array of JAX, all of which is on each of its devices."""

    def __init__(self, array: Any) -> None:
        _refuse_what_is_gone(array)
        self.dtype = array.dtype
        if not isinstance(self.dtype, np.dtype):
            raise UnsupportedArrayError(f"wanted pixels, got an array of JAX of dtype {self.dtype}")
        self.is_on_device = _device_of(array.sharding) is not None
        self.at_once = _at_once
        self._array = array
        self.shape = array.shape

    def copy_to(self, target: Array) -> None:
        """Copy them when they are computed."""
        copy_pixels(target, self.look())

    def look(self) -> Array:
        """Return them when they are computed."""
        return as_host(self._array)

    def on_device(self, streams: Streams) -> DeviceMemory | None:
        """Say where a CUDA device has them; its copies wait there until they are computed."""
        array = self._array
        try:
            if is_bfloat16(self.dtype):
                array = array.astype(np.float32)
            return _memory_of(array, streams)
        except DEVICE_ERRORS as error:
            raise device_error(array, error) from error


def _at_once(array: Any, streams: Streams) -> DeviceMemory | None:
    """Hold a large array, and say where another one is; None if that takes a closer look."""
    described = array.aval  # of which array.shape and array.dtype are functions in Python
    shape, dtype = described.shape, described.dtype
    if dtype not in NAMES:
        return None
    if dtype.itemsize * math.prod(shape) >= LATER_NBYTES and (held := _held(array, streams)) is not None:
        return held
    try:
        return _memory_of(array, streams)
    except DEVICE_ERRORS:  # it says why then
        return None


def _memory_of(array: Any, streams: Streams) -> DeviceMemory | None:
    """Say where a CUDA device has an array; None if none has it, or not in C order."""
    described = array.aval
    shape, device = described.shape, _device_of(array.sharding)
    if device is None:
        return None
    pointer = array.unsafe_buffer_pointer()
    layout = getattr(array, "_pjrt_layout", None)  # not each version has it
    if layout != _c_orders.get(len(shape), ()) and not _is_in_c_order(array, layout):
        return None
    nbytes = described.dtype.itemsize * math.prod(shape)
    stream, is_ready = streams.stream_of(device), array.is_ready()
    memory = DeviceMemory(array, pointer, device, stream, nbytes, 0, 0, is_ready, _hold)
    if not is_ready:
        memory.keep()
    return memory


def _is_in_c_order(array: Any, layout: object) -> bool:
    """Ask JAX, which takes it a third of the time that all of a copy's start does.

    So it is asked once for each number of axes; others lie like that if JAX has the same layout for them.
    """
    if getattr(array, "__cuda_array_interface__", None) is None:
        return False
    if layout is not None:
        _c_orders[array.ndim] = layout
    return True


_c_orders: dict[int, object] = {}
"""By number of axes, what JAX's layout of arrays in C order is."""


def _held(array: Any, streams: Streams) -> DeviceMemory | None:
    """Hold an array, which nobody can change: where it lies can be found, and copied, later."""
    if (device := _device_of(array.sharding)) is None:
        return None
    stream = streams.take_stream(device)
    try:
        owner = array, _capsule_at_once(array, stream)
    except _NOT_SO:
        streams.give_stream_back(device, stream)
        return None
    nbytes = array.aval.dtype.itemsize * math.prod(array.aval.shape)
    return DeviceMemory(owner, 0, device, stream, nbytes, find=_find)


def _find(memory: DeviceMemory, pixels: memoryview) -> DeviceMemory | None:
    """Return where an array that is held lies; None if no device can copy it, and so it is copied."""
    array, capsule = memory.owner
    with suppress(ValueError):  # of a DLPack that is not known yet: it would cost each image
        if (pointer := pointer_in_c_order(capsule)) is not None:
            return DeviceMemory(memory.owner, pointer, memory.device, memory.stream, memory.nbytes)
    copy_pixels(np.ndarray(array.aval.shape, array.aval.dtype, pixels), as_host(array))
    return None


def _refuse_what_is_gone(array: Any) -> None:
    if array.is_deleted():
        raise UnsupportedArrayError("this array of JAX was deleted, or given away to a computation")


def jax_array(array: object) -> JaxArray | None:
    """Return the source of an array of JAX; None if it is none."""
    if not is_a(array, "jax", "Array"):
        return None
    if is_a(array, "jax.core", "Tracer"):  # which is of a type of its own
        raise UnsupportedArrayError(
            "this array of JAX has no pixels while it is traced: send it outside of jit"
        )
    return JaxArray(array)


def _hold(array: Any, stream: int) -> object:
    """Let the stream wait until it is computed, and no later computation have its memory meanwhile."""
    for capsule_of in _WAYS:
        with suppress(*_NOT_SO):
            return capsule_of(array, stream)
    try:
        return array.block_until_ready()  # a JAX that cannot, for this dtype or at all
    except DEVICE_ERRORS as error:
        raise device_error(array, error) from error


def _capsule_at_once(array: Any, stream: int) -> object:
    """Return what JAX's own way ends at, in a fraction of the time; not each version has it here."""
    return sys.modules["jaxlib._jax"].buffer_to_dlpack_managed_tensor(array, stream=stream)


def _capsule_of_part(array: Any, stream: int) -> object:
    return _capsule_at_once(array.addressable_data(0), stream)


def _capsule(array: Any, stream: int) -> object:
    return array.__dlpack__(stream=stream)


_WAYS = _capsule_at_once, _capsule_of_part, _capsule
"""The fastest first."""
_NOT_SO = AttributeError, BufferError, KeyError, TypeError, ValueError, RuntimeError
"""What a JAX says that does it another way."""


@lru_cache(maxsize=64)
def _device_of(sharding: Any) -> int | None:
    """Return the CUDA device that alone has such arrays; None if the host has them, or several devices.

    What would be gathered from several devices without a word is refused.
    """
    device, *others = sharding.device_set
    if not sharding.is_fully_addressable or (others and not sharding.is_fully_replicated):
        raise UnsupportedArrayError(
            f"this array of JAX is sharded over {len(sharding.device_set)} devices: send "
            "jax.device_get(array), or each of array.addressable_shards as an image of its own"
        )
    in_its_memory = getattr(sharding, "memory_kind", None) in {None, "device"}  # not the host's on its behalf
    if others or device.platform not in _CUDA or not in_its_memory:
        return None
    number: int = device.local_hardware_id
    return number
