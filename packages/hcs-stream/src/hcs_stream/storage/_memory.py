"""The backend ``memory``: images of this process, perhaps laid over another backend that is only read."""

import threading
from pathlib import Path

import numpy as np

from hcs_protocol import natural_key

from ._backend import Pixels, Reference, StorageBackend
from ._errors import ImageNotFoundError
from ._pixels import host_pixels


class MemoryBackend(StorageBackend):
    """Images in this process's memory; safe to use from several threads.

    Over a ``base``, images that were not saved here are read there; nothing is ever written or deleted there.
    """

    name = "memory"

    def __init__(self, base: StorageBackend | None = None) -> None:
        self._base = base
        self._lock = threading.RLock()
        self._images: dict[Path, Pixels] = {}
        self._folders: set[Path] = set()
        self._deleted: set[Path] = set()
        """Images of the base that are gone as seen from here."""

    def save(self, data: object, path: Path) -> Reference:
        """Keep a copy of the pixels: they may change afterwards."""
        pixels = np.array(host_pixels(data))
        with self._lock:
            self._images[path] = pixels
            self._folders.update(path.parents)
        return None

    def load(self, path: Path) -> Pixels:
        """Return a copy of the pixels, which may be changed."""
        with self._lock:
            pixels = self._images.get(path)
            is_in_base = pixels is None and self._base is not None and path not in self._deleted
        if pixels is not None:
            return pixels.copy()
        if is_in_base and self._base is not None:
            return self._base.load(path)
        raise ImageNotFoundError("an image", path)

    def exists(self, path: Path) -> bool:
        """Say whether an image or a folder is at this path, here or in the base."""
        with self._lock:
            if path in self._images or path in self._folders:
                return True
            if self._base is None or path in self._deleted:
                return False
        return self._base.exists(path)

    def list_images(self, folder: Path, *, recursive: bool = False) -> list[Path]:
        """Return the images of a folder in natural order, those of the base included."""
        with self._lock:
            own, deleted, is_known = set(self._images), set(self._deleted), folder in self._folders
        here = {path for path in own if (folder in path.parents if recursive else path.parent == folder)}
        if self._base is not None and (not is_known or self._base.exists(folder)):
            here |= set(self._base.list_images(folder, recursive=recursive)) - deleted
        elif not is_known:
            raise ImageNotFoundError("a folder", folder)
        return sorted(here, key=natural_key)

    def delete(self, path: Path) -> None:
        """Remove one image, as seen from here."""
        with self._lock:
            is_in_base = self._base is not None and path not in self._deleted and self._base.exists(path)
            if self._images.pop(path, None) is None and not is_in_base:
                raise ImageNotFoundError("an image", path)
            if is_in_base:
                self._deleted.add(path)

    def ensure_directory(self, folder: Path) -> None:
        """Remember a folder, and those above it."""
        with self._lock:
            self._folders.update((folder, *folder.parents))

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._images.clear()
            self._folders.clear()
            self._deleted.clear()
