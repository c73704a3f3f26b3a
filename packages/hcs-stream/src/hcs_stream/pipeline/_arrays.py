"""Arrays of any library: their shape, several as one, and as NumPy's."""

import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._errors import GroupError

NAMESPACES = {"torch": "torch", "cupy": "cupy", "jax": "jax.numpy", "jaxlib": "jax.numpy"}
"""Where the `stack` of a library is, by the first part of the name of its arrays' module."""


def shape_of(array: object) -> tuple[int, ...]:
    """Return an array's shape.

    Raises:
        TypeError: It is no array.
    """
    shape = getattr(array, "shape", None)
    if shape is None or not hasattr(array, "dtype"):
        raise TypeError(f"wanted an array, found {type(array).__name__}")
    return tuple(int(length) for length in shape)


def is_coloured(array: object) -> bool:
    """Say whether the last axis is red, green, blue and perhaps alpha."""
    shape, dtype = shape_of(array), str(getattr(array, "dtype", ""))
    return len(shape) > 2 and shape[-1] in {3, 4} and dtype.rpartition(".")[2] == "uint8"


def to_host(array: object) -> npt.NDArray[Any]:
    """Return an array of any library as NumPy's; one that is so already is not copied."""
    if isinstance(array, np.ndarray):
        return array
    match _library(array):
        case "torch":
            return np.asarray(array.detach().cpu())  # type: ignore[attr-defined]  # a tensor has both
        case "cupy":
            return np.asarray(array.get())  # type: ignore[attr-defined]  # from the device
        case _:
            return np.asarray(array)


def stacked(arrays: Iterator[object], lengths: Sequence[int]) -> object:
    """Return arrays of one shape as one, with axes of these lengths in front; of the library that they have.

    Raises:
        GroupError: They are not of one shape and dtype.
    """
    first = next(arrays)
    shape, looks = (*lengths, *shape_of(first)), (shape_of(first), getattr(first, "dtype", None))
    namespace = sys.modules.get(NAMESPACES.get(_library(first), ""))
    if namespace is not None:
        return namespace.stack([first, *(_alike(array, looks) for array in arrays)]).reshape(shape)
    whole = np.empty((math.prod(lengths), *shape_of(first)), to_host(first).dtype)
    whole[0] = to_host(first)
    for place, array in enumerate(arrays, start=1):
        whole[place] = to_host(_alike(array, looks))
    return whole.reshape(shape)


def _alike(array: object, looks: tuple[tuple[int, ...], object]) -> object:
    found = shape_of(array), getattr(array, "dtype", None)
    if found != looks:
        wanted = f"wanted images of one size and dtype, the first is {looks[1]} {looks[0]}"
        raise GroupError(f"{wanted}, found {found[1]} {found[0]}")
    return array


def _library(array: object) -> str:
    return type(array).__module__.partition(".")[0]
