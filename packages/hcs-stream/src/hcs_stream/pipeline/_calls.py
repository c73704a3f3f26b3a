"""The functions of a step, each with its own settings, and in which order they are called."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import TypeAlias, cast

from hcs_stream.config import Streamings

from ._errors import StepDefinitionError

Function: TypeAlias = Callable[..., object]
"""Makes one array of another; further parameters are settings."""
OneFunction: TypeAlias = Function | tuple[Function, Mapping[str, object]]
"""A function, or it and its settings: ``(gaussian, {"sigma": 2})``."""
Functions: TypeAlias = OneFunction | Sequence[OneFunction]
"""One, or several of which each gets what the one before it returned."""
FunctionsOfChannels: TypeAlias = Functions | Mapping[str, Functions]
"""The same for all channels, or for each its own: ``{"DAPI": segment, "GFP": [denoise, measure]}``."""

STREAMING = "napari_streaming"
"""The setting that is not the function's: how its results are shown."""


@dataclass(frozen=True)
class Call:
    """A function and its own settings."""

    func: Function
    settings: Mapping[str, object]
    streaming: Streamings = None
    """How its results are shown, where that differs from what the step says."""

    @property
    def name(self) -> str:
        """The function's, as people wrote it."""
        return function_name(self.func)

    def __call__(self, array: object) -> object:
        return self.func(array, **self.settings)


Chain: TypeAlias = tuple[Call, ...]


def chains(func: FunctionsOfChannels) -> dict[str | None, Chain]:
    """Return the calls for each channel; under None those for all channels.

    Raises:
        StepDefinitionError: There is no function, or a setting is none that its function has.
    """
    if isinstance(func, Mapping):
        if not func:
            raise StepDefinitionError("wanted a function for at least one channel, found none")
        return {str(channel): _chain(functions) for channel, functions in func.items()}
    return {None: _chain(func)}


def function_name(func: Function) -> str:
    """Return a function's name; that of its type for an object that can be called."""
    if isinstance(func, partial):
        return function_name(func.func)
    return getattr(func, "__name__", type(func).__name__)


def _chain(functions: object) -> Chain:
    if _is_one(functions):
        return (_call(functions),)
    if isinstance(functions, str) or not isinstance(functions, Sequence) or not functions:
        raise StepDefinitionError(
            f"wanted a function, a list of them or {{channel: them}}, found {functions!r}"
        )
    return tuple(map(_call, functions))


def _is_one(functions: object) -> bool:
    pair = isinstance(functions, tuple) and len(functions) == 2 and isinstance(functions[1], Mapping)
    return pair or callable(functions)


def _call(given: object) -> Call:
    func, settings = given if isinstance(given, tuple) and _is_one(given) else (given, {})
    if not callable(func):
        raise StepDefinitionError(f"wanted a function or (function, settings), found {given!r}")
    own = {str(name): value for name, value in settings.items() if name != STREAMING}
    call = Call(func, own, cast("Streamings", settings.get(STREAMING)))  # checked when it is resolved
    _check_settings(call)
    return call


def _check_settings(call: Call) -> None:
    try:
        signature = inspect.signature(call.func)
    except (TypeError, ValueError):
        return  # written in C: it complains when it is called
    try:
        signature.bind(None, **call.settings)
    except TypeError as error:
        known = list(signature.parameters)
        strange = [name for name in call.settings if name not in known]
        close = [near for name in strange for near in get_close_matches(name, known)]
        advice = f"; did you mean {close[0]!r}?" if close else ""
        wanted = f"wanted settings of {call.name}{signature}, found {dict(call.settings)!r}"
        raise StepDefinitionError(f"{wanted}: {error}{advice}") from error
