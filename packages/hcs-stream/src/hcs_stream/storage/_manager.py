"""`FileManager`: the same calls for every backend, checked once."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from ._backend import Pixels, Reference, StorageBackend, StreamingBackend
from ._errors import UnknownBackendError, did_you_mean
from ._memory import MemoryBackend
from ._paths import PathLike, checked_batch, checked_path, checked_paths
from ._registry import Backend, BackendLike, get_backend, known_backends

Backends: TypeAlias = BackendLike | Sequence[BackendLike]
"""One backend or several: those that keep images are written first, then those that stream."""


class FileManager:
    """Saves and loads images by path, in the backend of one's choice; safe to use from several threads.

    All file managers of a process share the backends, and so what lies in memory.
    """

    def __init__(
        self, backends: Mapping[str, StorageBackend] | None = None, *, root: PathLike | None = None
    ) -> None:
        """Say what is different for this file manager.

        Args:
            backends: Backends of its own by name, before those of the process:
                ``{"memory": MemoryBackend(base=DiskBackend())}``.
            root: A folder that no path may leave; relative paths are below it.
        """
        self._own = dict(backends or {})
        self._root = None if root is None else Path(root)

    def save(
        self, data: object, path: PathLike, backend: Backends = Backend.DISK, **options: object
    ) -> Reference:
        """Save one image: `save_batch` of one."""
        return self.save_batch([data], [path], backend, **options)[0]

    def save_batch(
        self,
        data: Sequence[object],
        paths: Sequence[PathLike],
        backend: Backends = Backend.DISK,
        **options: object,
    ) -> list[Reference]:
        """Save several images; several backends each get all of them.

        Args:
            data: Pixels of shape ``(y, x)``, ``(z, y, x)`` or ``(y, x, 3 or 4)``, of any supported library.
            paths: One for each.
            backend: A name, an enum, a backend, or several: ``["disk", "napari_stream"]`` also tells the
                viewer where the images lie.
            **options: What the backends know: see ``docs/reference/storage.md``.

        Returns:
            For each image where a viewer on this machine can read it, else None.

        Raises:
            WrongBatchError: There are more images than paths, or fewer, or a path comes twice.
            UnknownBackendError: There is no such backend; the text lists those there are.
            TypeError: No backend of this call knows an option.
            UnsafePathError: A path has ``..`` in it or leaves the root.
            StorageWriteError: An image could not be written; those before it are.
            LossyFormatError: A format would change pixels, and ``lossy=True`` was not said.
            UnsupportedArrayError: An image is no image, or none that the format can have.
        """
        images, checked = checked_batch(data, paths, self._root)
        wanted = self._backends(backend)
        shares = _share_out(options, wanted)
        references: list[Reference] = [None] * len(images)
        if not images:
            return references
        for each, share in sorted(zip(wanted, shares, strict=True), key=lambda pair: not pair[0].can_be_read):
            if isinstance(each, StreamingBackend) and any(references) and _knows(each, "references"):
                share = {"references": references, **share}
            made = each.save_batch(images, checked, **share)
            references = [old or new for old, new in zip(references, made, strict=True)]
        return references

    def load(self, path: PathLike, backend: BackendLike = Backend.DISK) -> Pixels:
        """Return one image.

        Raises:
            ImageNotFoundError: None is there.
            NotReadableError: The backend only streams.
            UnreadableImageError: It is damaged.
        """
        return self.backend(backend).load(checked_path(path, self._root))

    def load_batch(self, paths: Sequence[PathLike], backend: BackendLike = Backend.DISK) -> list[Pixels]:
        """Return several images, as `load`."""
        return self.backend(backend).load_batch(checked_paths(paths, self._root))

    def exists(self, path: PathLike, backend: BackendLike = Backend.DISK) -> bool:
        """Say whether an image, or a folder, is at this path."""
        return self.backend(backend).exists(checked_path(path, self._root))

    def list_images(
        self,
        folder: PathLike,
        backend: BackendLike = Backend.DISK,
        *,
        extensions: str | Collection[str] | None = None,
        recursive: bool = False,
    ) -> list[Path]:
        """Return the paths of a folder's images in natural order.

        Args:
            folder: Where to look.
            backend: In which backend.
            extensions: Only names that end in this, or in one of these: ``".tif"``, ``[".tif", ".png"]``.
            recursive: Whether to look into the folders below too.

        Raises:
            ImageNotFoundError: There is no such folder.
        """
        found = self.backend(backend).list_images(checked_path(folder, self._root), recursive=recursive)
        if extensions is None:
            return found
        one_or_several = [extensions] if isinstance(extensions, str) else extensions
        wanted = tuple(f".{extension.lstrip('.')}".lower() for extension in one_or_several)
        return [path for path in found if path.name.lower().endswith(wanted)]

    def delete(self, path: PathLike, backend: BackendLike = Backend.DISK) -> None:
        """Remove one image.

        Raises:
            ImageNotFoundError: None is there.
        """
        self.backend(backend).delete(checked_path(path, self._root))

    def ensure_directory(self, folder: PathLike, backend: BackendLike = Backend.DISK) -> Path:
        """Make a folder, and those above it, unless they are there; return it."""
        made = checked_path(folder, self._root)
        self.backend(backend).ensure_directory(made)
        return made

    def backend(self, backend: BackendLike) -> StorageBackend:
        """Return the backend of this name.

        Raises:
            UnknownBackendError: There is none; the text lists those there are.
        """
        if not isinstance(backend, StorageBackend | str | Enum):
            raise UnknownBackendError(repr(backend), known_backends())
        name = backend.value if isinstance(backend, Enum) else backend
        if isinstance(name, str) and name in self._own:
            return self._own[name]
        return get_backend(backend)

    def flush(self, backend: BackendLike = Backend.NAPARI_STREAM, timeout: float = 30.0) -> None:
        """Wait until the viewers have what this process streamed.

        Raises:
            ViewerStalledError: They do not have it within ``timeout`` seconds.
        """
        found = self.backend(backend)
        if isinstance(found, StreamingBackend):
            found.flush(timeout)

    def close(self) -> None:
        """Make zarr plates whole, and close streams, which otherwise happens at the process's end.

        Its own backends are closed too, except for what lies in memory. A second time is harmless.

        Raises:
            HcsError: A plate could not be written; all others are whole, and all streams closed.
        """
        with ExitStack() as stack:  # which calls all, whatever one of them raises
            of_process = (self.backend(Backend.NAPARI_STREAM), self.backend(Backend.ZARR))
            for backend in dict.fromkeys((*of_process, *self._own.values())):
                if not isinstance(backend, MemoryBackend):
                    stack.callback(backend.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _backends(self, backend: Backends) -> list[StorageBackend]:
        if isinstance(backend, str | Enum | StorageBackend):
            return [self.backend(backend)]
        found = list(dict.fromkeys(self.backend(each) for each in backend or ()))
        if not found:
            raise UnknownBackendError(repr(backend), known_backends())  # or images would be saved nowhere
        return found


def _knows(backend: StorageBackend, option: str) -> bool:
    known = backend.options()
    return known is None or option in known


def _share_out(options: Mapping[str, object], backends: Sequence[StorageBackend]) -> list[dict[str, object]]:
    """Return for each backend the options that it knows; each option must be known to one of them."""
    known = [backend.options() for backend in backends]
    if all(names is not None for names in known):
        everyones = frozenset[str]().union(*(names or () for names in known))
        if unknown := sorted(options.keys() - everyones):
            hint = did_you_mean(unknown[0], everyones)
            names = ", ".join(sorted(everyones)) or "none"
            raise TypeError(f"wanted the options {names}, found {', '.join(unknown)}{hint}")
    return [
        {name: value for name, value in options.items() if names is None or name in names} for names in known
    ]
