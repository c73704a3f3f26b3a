"""The backends that are known: those defined here, and those of installed packages."""

import logging
import threading
from enum import Enum, StrEnum
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import TypeAlias

from ._backend import StorageBackend
from ._errors import BackendNameError, UnknownBackendError

logger = logging.getLogger(__name__)

GROUP = "hcs.backends"


class Backend(StrEnum):
    """The backends that come with this package."""

    DISK = "disk"
    MEMORY = "memory"
    ZARR = "zarr"
    NAPARI_STREAM = "napari_stream"


BackendLike: TypeAlias = str | Enum | StorageBackend
"""A backend's name, an enum with that value, or a backend itself."""

_lock = threading.RLock()
_classes: dict[str, type[StorageBackend]] = {}
_instances: dict[str, StorageBackend] = {}
_broken: dict[str, str] = {}
_looked_for_plugins: list[bool] = []


def register(backend: type) -> None:
    """Make a backend known by its name; its class being defined anew, as in a notebook, takes its place.

    Raises:
        BackendNameError: It has no name, or another class has it.
    """
    if not issubclass(backend, StorageBackend):
        raise BackendNameError(f"wanted a subclass of StorageBackend, found {backend!r}")
    name = getattr(backend, "name", None)
    if not isinstance(name, str) or not name:
        raise BackendNameError(f"wanted {backend.__qualname__}.name, the name of the backend, found {name!r}")
    with _lock:
        other = _classes.get(name)
        if other and (other.__module__, other.__qualname__) != (backend.__module__, backend.__qualname__):
            raise BackendNameError(
                f"wanted a name of its own for {backend.__qualname__}, {name!r} is {other.__qualname__}'s"
            )
        _classes[name] = backend
        _instances.pop(name, None)


def remember_unfinished(backend: type) -> None:
    """Remember what a class with a name lacks to be a backend, for who asks for it."""
    name, lacks = getattr(backend, "name", None), getattr(backend, "__abstractmethods__", ())
    with _lock:
        if isinstance(name, str):
            _broken[name] = f"{backend.__qualname__} does not define {', '.join(sorted(lacks))}"


def known_backends() -> tuple[str, ...]:
    """Return the names of all backends, those of installed packages included."""
    with _lock:
        _look_for_plugins()
        return tuple(sorted(_classes))


def get_backend(backend: BackendLike) -> StorageBackend:
    """Return the backend of this name, one for the whole process.

    Raises:
        UnknownBackendError: There is none.
    """
    if isinstance(backend, StorageBackend):
        return backend
    name = str(backend.value if isinstance(backend, Enum) else backend)
    with _lock:
        _look_for_plugins()
        known = next((n for n in (name, name.lower()) if n in _classes), None)
        if known is None:
            raise UnknownBackendError(name, tuple(sorted(_classes)), _broken.get(name, ""))
        if known not in _instances:
            _instances[known] = _classes[known]()
        return _instances[known]


def _look_for_plugins() -> None:
    if _looked_for_plugins:
        return
    _looked_for_plugins.append(True)
    for entry_point in entry_points(group=GROUP):
        try:
            _take(entry_point)
        except Exception as error:  # another package's code may raise anything
            _broken[entry_point.name] = f"{type(error).__name__}: {error}"
            logger.warning(
                "backend left out name=%s from=%s error=%s",
                entry_point.name,
                entry_point.value,
                _broken[entry_point.name],
            )


def _take(entry_point: EntryPoint) -> None:
    """Load a package's backend: its class registers itself; a module may hold several."""
    loaded = entry_point.load()
    if isinstance(loaded, type) and not isabstract(loaded):
        register(loaded)
