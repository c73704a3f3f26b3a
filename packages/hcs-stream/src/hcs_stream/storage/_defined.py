"""The backend classes that were defined, by name; `_registry` makes backends of them."""

import threading
from typing import Any

from ._errors import BackendNameError

lock = threading.RLock()
classes: dict[str, type[Any]] = {}
broken: dict[str, str] = {}
"""Why there is no backend of a name."""


def register(backend: type) -> None:
    """Make a backend known by its name; its class being defined anew, as in a notebook, takes its place.

    Raises:
        BackendNameError: It has no name, or another class has it.
    """
    name = getattr(backend, "name", None)
    if not isinstance(name, str) or not name:
        raise BackendNameError(f"wanted {backend.__qualname__}.name, the name of the backend, found {name!r}")
    with lock:
        other = classes.get(name)
        if other and (other.__module__, other.__qualname__) != (backend.__module__, backend.__qualname__):
            raise BackendNameError(
                f"wanted a name of its own for {backend.__qualname__}, {name!r} is {other.__qualname__}'s"
            )
        classes[name] = backend


def remember_unfinished(backend: type) -> None:
    """Remember what a class with a name lacks to be a backend, for who asks for it."""
    name, lacks = getattr(backend, "name", None), getattr(backend, "__abstractmethods__", ())
    with lock:
        if isinstance(name, str):
            broken[name] = f"{backend.__qualname__} does not define {', '.join(sorted(lacks))}"
