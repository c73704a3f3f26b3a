"""An array of any library, looked at without a copy and without importing any of them."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from hcs_protocol import UnsupportedArrayError

from ._copying import copy_pixels
from ._dtypes import Array, Dtype


class Source(Protocol):
    """The pixels of one array, wherever they are."""

    @property
    def shape(self) -> tuple[int, ...]:
        """As the array says."""

    @property
    def dtype(self) -> Dtype:
        """NumPy's name for what the array has, or bfloat16."""

    def copy_to(self, target: Array) -> None:
        """Write the pixels into an array of this shape and of the dtype that blocks have for this one.

        Raises:
            UnsupportedArrayError: Its library does not give them away.
        """


class HostArray:
    """An array that NumPy can look at."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.shape: tuple[int, ...] = array.shape
        self.dtype: Dtype = array.dtype

    def copy_to(self, target: Array) -> None:
        """Copy them."""
        copy_pixels(target, self.array)


class LazyArray:
    """An array that says what it is, and is computed only when NumPy is to look at it."""

    def __init__(self, array: object, shape: tuple[int, ...], dtype: Dtype) -> None:
        self._array = array
        self.shape = shape
        self.dtype = dtype

    def copy_to(self, target: Array) -> None:
        """Compute them."""
        computed = as_host(self._array)
        if (computed.shape, computed.dtype) != (self.shape, self.dtype):
            said, is_now = (
                f"{self.dtype} of shape {self.shape}",
                f"{computed.dtype} of shape {computed.shape}",
            )
            raise UnsupportedArrayError(f"wanted what {name_of(self._array)} says, {said}, computed {is_now}")
        copy_pixels(target, computed)


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
    """
    if is_a(array, "numpy.ma", "MaskedArray"):  # `np.ma` would import it: a forked child would wait for that
        raise UnsupportedArrayError("masked pixels have no value: send array.filled(0)")
    try:
        return read(array)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:  # as libraries raise them
        raise UnsupportedArrayError(f"NumPy cannot read {name_of(array)}: {error}") from error
