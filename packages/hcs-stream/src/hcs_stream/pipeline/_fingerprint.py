"""What a well's results depend on, as one text: the steps, and the images on disk."""

import hashlib
import inspect
import os
import pickle
from collections.abc import Iterable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from hcs_protocol import new_id

from ._calls import Call
from ._step import Step
from ._well import Well


def fingerprint_of(steps: Iterable[Step]) -> str:
    """Return a text that is another one when a step is: its functions, their settings, its groups.

    A function counts by its source, or its code where there is none; what it calls does not. Settings count
    by value; one that cannot be pickled is another one each time.
    """
    said = hashlib.blake2b(digest_size=16)
    for step in steps:
        said.update(repr((step.name, step.kind, step.axes, step.materialise)).encode())
        for channel, chain in step.chains.items():
            said.update(repr(channel).encode())
            for call in chain:
                said.update("\0".join(_of_call(call)).encode())
    return said.hexdigest()


def fingerprint_of_well(steps: str, well: Well) -> str:
    """Return the same of a well: its images count by name, size and time of change."""
    said = hashlib.blake2b(steps.encode(), digest_size=16)
    looks = {path: _looks(path) for path in {image.path for image in well.images}}
    for image in well.images:
        said.update(repr((image, looks[image.path])).encode())
    return said.hexdigest()


def _looks(path: Path) -> tuple[int, int] | None:
    """Return size and time of change of a file, or of all files of an array; None if it is gone."""
    try:
        stat = path.stat()
        if not path.is_dir():
            return stat.st_size, stat.st_mtime_ns
        below = [Path(folder, name).stat() for folder, _, names in os.walk(path) for name in names]
    except OSError:
        return None
    return sum(each.st_size for each in below), max((each.st_mtime_ns for each in below), default=0)


def _of_call(call: Call) -> Iterator[str]:
    yield from _of_function(call.func)
    for name, value in sorted(call.settings.items()):
        yield f"{name}={_of_value(value)}"


def _of_function(func: object) -> Iterator[str]:
    if isinstance(func, FunctionType):
        yield _of_value(func)
        return
    if isinstance(func, partial):
        yield from _of_function(func.func)
        yield from (_of_value(value) for value in (func.args, sorted(func.keywords.items())))
        return
    yield f"{getattr(func, '__module__', '')}.{getattr(func, '__qualname__', type(func).__qualname__)}"
    yield _source_of(type(func)) or ""
    yield _of_value(getattr(func, "__code__", None))
    if hasattr(func, "__wrapped__"):
        yield from _of_function(func.__wrapped__)  # as a compiler's, which has much else beside it
    elif not inspect.isbuiltin(func):
        yield _of_value(getattr(func, "__dict__", {}))


def _source_of(defined: FunctionType | type) -> str | None:
    if defined.__name__ == "<lambda>":
        return None  # its lines may hold others
    try:
        return inspect.getsource(defined)
    except (OSError, TypeError):
        return None


def _of_value(value: object) -> str:
    """Return the same text for the same value in all processes; another one each time where nobody knows."""
    pickled = BytesIO()
    try:
        _Pickler(pickled).dump(value)
    except Exception:  # what cannot be pickled raises anything
        return new_id()
    return hashlib.blake2b(pickled.getbuffer(), digest_size=16).hexdigest()


class _Pickler(pickle.Pickler):
    """Pickles to compare, not to load: functions by what they do, sets in an order that stays the same."""

    def persistent_id(self, value: object) -> tuple[str, ...] | None:
        """Take sets, which no reducer is asked for."""
        if isinstance(value, set | frozenset):
            return (type(value).__qualname__, *sorted(map(_of_value, value)))
        return None

    def reducer_override(self, value: object) -> Any:
        """Take what is pickled by its name alone, or not at all."""
        match value:
            case FunctionType():
                name, closure = f"{value.__module__}.{value.__qualname__}", value.__closure__ or ()
                does = _source_of(value) or value.__code__
                values = [cell.cell_contents for cell in closure]
                return str, (name,), (does, value.__defaults__, value.__kwdefaults__, values)
            case CodeType():
                return bytes, (value.co_code,), (value.co_names, value.co_varnames, value.co_consts)
            case ModuleType():
                return str, (value.__name__,)
            case _:
                return NotImplemented
