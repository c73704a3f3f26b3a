"""Arrays of JAX: of the host or of one device, bfloat16, and not computed yet."""

import math
import sys
from functools import lru_cache
from typing import Any

import numpy as np

from hcs_protocol import UnsupportedArrayError

from ._copying import copy_pixels
from ._device_memory import DeviceMemory
from ._dtypes import Array, is_bfloat16
from ._sources import DEVICE_ERRORS, Source, Streams, as_host, device_error, is_a, loaded

_CUDA = "cuda", "gpu"


class JaxArray(Source):
    """An array of JAX, all of which is on each of its devices."""

    def __init__(self, array: Any) -> None:
        jax: Any = loaded("jax")
        if isinstance(array, jax.core.Tracer):
            raise UnsupportedArrayError(
                "this array of JAX has no pixels while it is traced: send it outside of jit"
            )
        if array.is_deleted():
            raise UnsupportedArrayError("this array of JAX was deleted, or given away to a computation")
        if not isinstance(array.dtype, np.dtype):
            raise UnsupportedArrayError(f"wanted pixels, got an array of JAX of dtype {array.dtype}")
        self._device: Any = _device_of(array.sharding)
        self.is_on_device = self._device is not None
        self._array = array
        self.shape = tuple(array.shape)
        self.dtype = array.dtype

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
            if (interface := getattr(array, "__cuda_array_interface__", None)) is None:
                return None  # not in C order, say
            device = self._device.local_hardware_id
            nbytes = array.dtype.itemsize * math.prod(self.shape)
            memory = DeviceMemory(
                *(array, interface["data"][0], device, streams.stream_of(device), nbytes),
                is_ready=array.is_ready(),
                hold=_hold,
            )
            if not memory.is_ready:
                memory.keep()
        except DEVICE_ERRORS as error:
            raise device_error(array, error) from error
        return memory


def jax_array(array: object) -> JaxArray | None:
    """Return the source of an array of JAX; None if it is none."""
    return JaxArray(array) if is_a(array, "jax", "Array") else None


def _hold(array: Any, stream: int) -> object:
    """Let the stream wait until it is computed, and no later computation have its memory meanwhile."""
    for capsule_of in _WAYS:
        try:
            return capsule_of(array, stream)
        except (AttributeError, BufferError, KeyError, TypeError, ValueError, RuntimeError):
            continue
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


@lru_cache(maxsize=64)
def _device_of(sharding: Any) -> Any | None:
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
    return device if not others and device.platform in _CUDA and in_its_memory else None
