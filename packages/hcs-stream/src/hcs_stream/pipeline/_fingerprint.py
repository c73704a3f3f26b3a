"""What a well's results depend on, as one text: the steps, and the images on disk."""

import hashlib
import inspect
import os
import pickle
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType

from ._calls import Call
from ._step import Step
from ._well import Well


def fingerprint_of(steps: Iterable[Step]) -> str:
    """Return a text that is another one when a step is: its functions, their settings, its groups.

    A function counts by its source, or its code where there is none; what it calls does not.
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
    if isinstance(func, partial):
        yield from _of_function(func.func)
        yield from (_of_value(value) for value in (func.args, sorted(func.keywords.items())))
        return
    yield f"{getattr(func, '__module__', '')}.{getattr(func, '__qualname__', type(func).__qualname__)}"
    try:
        yield inspect.getsource(func if isinstance(func, FunctionType) else type(func))
    except (OSError, TypeError):
        yield _of_code(getattr(func, "__code__", None))
    if isinstance(func, FunctionType):
        yield _of_value((func.__defaults__, func.__kwdefaults__))
        yield from (_of_value(cell.cell_contents) for cell in func.__closure__ or ())
    elif not inspect.isbuiltin(func):
        yield _of_value(getattr(func, "__dict__", {}))


def _of_code(code: CodeType | None) -> str:
    return "" if code is None else repr((code.co_code, code.co_names, code.co_varnames))


def _of_value(value: object) -> str:
    try:
        return hashlib.blake2b(pickle.dumps(value), digest_size=16).hexdigest()
    except Exception:  # what cannot be pickled raises anything
        return repr(type(value))
