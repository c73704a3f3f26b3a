"""The backends that are known: those defined here, and those of installed packages."""

import logging
from enum import Enum, StrEnum
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import TypeAlias

from ._backend import StorageBackend
from ._defined import broken, classes, lock, register
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

_instances: dict[str, StorageBackend] = {}
_looked_for_plugins: list[bool] = []


def known_backends() -> tuple[str, ...]:
    """Return the names of all backends, those of installed packages included."""
    with lock:
        _look_for_plugins()
        return tuple(sorted(classes))


def get_backend(backend: BackendLike) -> StorageBackend:
    """Return the backend of this name, one for the whole process.

    Raises:
        UnknownBackendError: There is none.
    """
    if isinstance(backend, StorageBackend):
        return backend
    name = str(backend.value if isinstance(backend, Enum) else backend)
    with lock:
        _look_for_plugins()
        known = next((n for n in (name, name.lower()) if n in classes), None)
        if known is None:
            raise UnknownBackendError(name, tuple(sorted(classes)), broken.get(name, ""))
        if type(_instances.get(known)) is not classes[known]:  # none yet, or it was defined anew
            _instances[known] = classes[known]()
        return _instances[known]


def _look_for_plugins() -> None:
    if _looked_for_plugins:
        return
    _looked_for_plugins.append(True)
    for entry_point in entry_points(group=GROUP):
        try:
            _take(entry_point)
        except Exception as error:  # another package's code may raise anything
            broken[entry_point.name] = f"{type(error).__name__}: {error}"
            logger.warning(
                "backend left out name=%s from=%s error=%s",
                entry_point.name,
                entry_point.value,
                broken[entry_point.name],
            )


def _take(entry_point: EntryPoint) -> None:
    """Load a package's backend: its class registers itself; a module may hold several."""
    loaded = entry_point.load()
    if isinstance(loaded, type) and not isabstract(loaded):
        if not issubclass(loaded, StorageBackend):
            raise BackendNameError(f"wanted a subclass of StorageBackend, found {loaded!r}")
        register(loaded)
