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
from ._dtypes import NAMES, Array, is_bfloat16
from ._sources import DEVICE_ERRORS, Source, Streams, as_host, device_error, is_a

_CUDA = "cuda", "gpu"


class JaxArray(Source):
    """An array of JAX, all of which is on each of its devices."""

    def __init__(self, array: Any) -> None:
        _refuse_what_is_gone(array)
        self.dtype = array.dtype
        if not isinstance(self.dtype, np.dtype):
            raise UnsupportedArrayError(f"wanted pixels, got an array of JAX of dtype {self.dtype}")
        self.is_on_device = _device_of(array.sharding) is not None
        self.at_once = _memory_of
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
        if is_bfloat16(self.dtype):
            try:
                array = array.astype(np.float32)
            except DEVICE_ERRORS as error:
                raise device_error(array, error) from error
        return _memory_of(array, streams)


def _memory_of(array: Any, streams: Streams) -> DeviceMemory | None:
    """Say where a CUDA device has an array; None if none has it, or not in C order, or it is bfloat16."""
    described = array.aval  # of which array.shape and array.dtype are functions in Python
    shape, dtype, device = described.shape, described.dtype, _device_of(array.sharding)
    if device is None or dtype not in NAMES:
        return None
    try:
        pointer = array.unsafe_buffer_pointer()
        if getattr(array, "_pjrt_layout", None) != _c_orders.get(len(shape), ()) and not _is_in_c_order(
            array
        ):
            return None
        nbytes = dtype.itemsize * math.prod(shape)
        stream, is_ready = streams.stream_of(device), array.is_ready()
        memory = DeviceMemory(array, pointer, device, stream, nbytes, 0, 0, is_ready, _hold)
        if not is_ready:
            memory.keep()
    except DEVICE_ERRORS as error:
        _refuse_what_is_gone(array)
        raise device_error(array, error) from error
    return memory


def _is_in_c_order(array: Any) -> bool:
    """Ask JAX, which takes it a third of the time that all of a copy's start does.

    So it is asked once for each number of axes; others lie like that if JAX has the same layout for them.
    """
    if getattr(array, "__cuda_array_interface__", None) is None:
        return False
    if (layout := getattr(array, "_pjrt_layout", None)) is not None:  # not each version has it
        _c_orders[array.ndim] = layout
    return True


_c_orders: dict[int, object] = {}
"""By number of axes, what JAX's layout of arrays in C order is."""


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
    try:
        return sys.modules["jaxlib._jax"].buffer_to_dlpack_managed_tensor(array, stream=stream)
    except _NOT_SO:
        return _hold_otherwise(array, stream)


def _hold_otherwise(array: Any, stream: int) -> object:
    for capsule_of in _SLOWER_WAYS:
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


_SLOWER_WAYS = _capsule_of_part, _capsule
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
