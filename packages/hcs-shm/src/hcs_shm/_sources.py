"""An array of any library, looked at without a copy and without importing any of them."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from hcs_protocol import DeviceError, HcsError, UnsupportedArrayError

from ._copying import copy_pixels
from ._device_memory import DeviceMemory
from ._dtypes import Array, Dtype


class Source:
    """The pixels of one array, wherever they are."""

    shape: tuple[int, ...]
    """As the array says."""
    dtype: Dtype
    """NumPy's name for what the array has, or bfloat16."""
    is_on_device = False
    """Whether a CUDA device may have them."""
    at_once: "Callable[[Any, Streams], DeviceMemory | None] | None" = None
    """`on_device` of others of the same type, without a source: what Python does for one costs a pipeline as
    much as CUDA does; None from it asks for a closer look."""

    def copy_to(self, target: Array) -> None:
        """Write the pixels into an array of this shape and of the dtype that blocks have for this one.

        Raises:
            UnsupportedArrayError: Its library does not give them away.
            DeviceError: The device that has them does not.
        """
        raise NotImplementedError

    def look(self) -> Array | None:
        """Return the pixels if NumPy can look at them where they are, or at a copy that is needed anyhow."""
        return None

    def on_device(self, streams: "Streams") -> DeviceMemory | None:
        """Return where a CUDA device has them, after packing them there if need be; None if none does.

        Raises:
            DeviceError: The device has no room for packing.
        """
        return None


class Streams(Protocol):
    """Which stream copies, and from where."""

    def stream_of(self, device: int) -> int:
        """Return the stream that copies from this device."""

    def take_stream(self, device: int) -> int:
        """Return one that is nobody else's until it is given back."""

    def give_stream_back(self, device: int, stream: int) -> None:
        """Let others have it."""

    def device_of(self, pointer: int) -> int | None:
        """Return the device that has this memory; None if the host has it."""

    def is_on(self, device: int) -> bool:
        """Say whether this device is the calling thread's."""

    def on(self, device: int) -> AbstractContextManager[None]:
        """Have this device be the calling thread's meanwhile."""


class HostArray(Source):
    """An array that NumPy can look at."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype

    def look(self) -> Array:
        """Return it."""
        return self.array

    def copy_to(self, target: Array) -> None:
        """Copy them."""
        copy_pixels(target, self.array)


class LazyArray(Source):
    """An array that says what it is, and is computed only when NumPy is to look at it."""

    def __init__(self, array: object, shape: tuple[int, ...], dtype: Dtype) -> None:
        self._array = array
        self.shape = shape
        self.dtype = dtype

    def copy_to(self, target: Array) -> None:
        """Compute them."""
        copy_pixels(target, self.look())

    def look(self) -> Array:
        """Compute them."""
        computed = as_host(self._array)
        if (computed.shape, computed.dtype) != (self.shape, self.dtype):
            said, is_now = (
                f"{self.dtype} of shape {self.shape}",
                f"{computed.dtype} of shape {computed.shape}",
            )
            raise UnsupportedArrayError(f"wanted what {name_of(self._array)} says, {said}, computed {is_now}")
        return computed


def loaded(name: str) -> ModuleType | None:
    """Return a library if somebody has imported it: who has an array of it, has."""
    return sys.modules.get(name)


def is_a(array: Any, module: str, kind: str) -> bool:
    """Say whether an array is of this kind of this module, imported or not."""
    return isinstance(array, getattr(loaded(module), kind, ()))


def name_of(array: object) -> str:
    """Name an array's type, for errors."""
    return f"{type(array).__module__}.{type(array).__qualname__}"


def as_host(array: object, read: Callable[[Any], Array] = np.asarray) -> Array:
    """Let NumPy look at it.

    Raises:
        UnsupportedArrayError: It cannot, or the pixels have no value.
        DeviceError: As ``read``.
    """
    if is_a(array, "numpy.ma", "MaskedArray"):  # `np.ma` would import it: a forked child would wait for that
        raise UnsupportedArrayError("masked pixels have no value: send array.filled(0)")
    try:
        return read(array)
    except (HcsError, MemoryError):
        raise
    except Exception as error:  # its library may raise anything
        said = f"{type(error).__name__}: {error}"
        raise UnsupportedArrayError(f"NumPy cannot read {name_of(array)}: {said}") from error


DEVICE_ERRORS = RuntimeError, MemoryError
"""What libraries raise when a device's memory is full, or the device is lost."""


def device_error(array: object, error: Exception) -> DeviceError:
    """Translate one of those."""
    return DeviceError(f"{name_of(array)}: {error}")
