"""Arrays of libraries that this package does not know: installed packages bring converters for them."""

import importlib.metadata
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint
from typing import TypeAlias
from weakref import WeakKeyDictionary

from hcs_protocol import UnsupportedArrayError

ENTRY_POINTS = "hcs.converters"
"""The name of each is that of the library whose arrays it converts, as that is imported: ``SimpleITK``."""

Converter: TypeAlias = Callable[[object], object]


def converter_of(kind: type) -> Converter | None:
    """Return the installed converter of this kind of array; None if there is none.

    Raises:
        UnsupportedArrayError: The converter cannot be loaded.
    """
    if kind not in _known:
        _known[kind] = _converter_for(kind)
    return _known[kind]


def _converter_for(kind: type) -> Converter | None:
    libraries = [base.__module__.partition(".")[0] for base in kind.__mro__]
    brought = _brought()
    found = next((brought[library] for library in libraries if library in brought), None)
    return None if found is None else _load(found)


@cache
def _brought() -> dict[str, EntryPoint]:
    return {found.name: found for found in importlib.metadata.entry_points(group=ENTRY_POINTS)}


def _load(found: EntryPoint) -> Converter:
    where = f"{ENTRY_POINTS} entry point {found.name} = {found.value}"
    try:
        converter = found.load()
    except Exception as error:  # another package's code may raise anything
        raise UnsupportedArrayError(f"{where} failed: {type(error).__name__}: {error}") from error
    if not callable(converter):
        raise UnsupportedArrayError(f"wanted a function of an array from {where}, found {converter!r}")
    loaded: Converter = converter
    return loaded


_known: WeakKeyDictionary[type, Converter | None] = WeakKeyDictionary()
