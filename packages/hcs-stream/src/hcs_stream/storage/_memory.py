"""The backend ``memory``: images of this process, perhaps laid over another backend that is only read."""

import os
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
        pixels, place = np.array(host_pixels(data)), _absolute(path)
        with self._lock:
            self._images[place] = pixels
            self._folders.update(place.parents)
        return None

    def load(self, path: Path) -> Pixels:
        """Return a copy of the pixels, which may be changed."""
        place = _absolute(path)
        with self._lock:
            pixels = self._images.get(place)
            is_in_base = pixels is None and self._base is not None and place not in self._deleted
        if pixels is not None:
            return pixels.copy()
        if is_in_base and self._base is not None:
            return self._base.load(path)
        raise ImageNotFoundError("an image", path)

    def exists(self, path: Path) -> bool:
        """Say whether an image or a folder is at this path, here or in the base."""
        place = _absolute(path)
        with self._lock:
            if place in self._images or place in self._folders:
                return True
            if self._base is None or place in self._deleted:
                return False
        return self._base.exists(path)

    def list_images(self, folder: Path, *, recursive: bool = False) -> list[Path]:
        """Return the images of a folder in natural order, those of the base included."""
        above = _absolute(folder)
        with self._lock:
            own, deleted, is_known = set(self._images), set(self._deleted), above in self._folders
        inside = {path for path in own if (above in path.parents if recursive else path.parent == above)}
        here = {folder / path.relative_to(above) for path in inside}
        if self._base is not None and (not is_known or self._base.exists(folder)):
            of_base = self._base.list_images(folder, recursive=recursive)
            here |= {path for path in of_base if _absolute(path) not in deleted}
        elif not is_known:
            raise ImageNotFoundError("a folder", folder)
        return sorted(here, key=natural_key)

    def delete(self, path: Path) -> None:
        """Remove one image, as seen from here."""
        place = _absolute(path)
        with self._lock:
            is_in_base = place not in self._deleted and self._has_image(path)
            if self._images.pop(place, None) is None and not is_in_base:
                raise ImageNotFoundError("an image", path)
            if is_in_base:
                self._deleted.add(place)

    def _has_image(self, path: Path) -> bool:
        """Say whether the base has an image at this path, which is no folder."""
        if self._base is None or not self._base.exists(path):
            return False
        try:
            self._base.list_images(path)
        except ImageNotFoundError:
            return True
        return False

    def ensure_directory(self, folder: Path) -> None:
        """Remember a folder, and those above it."""
        place = _absolute(folder)
        with self._lock:
            self._folders.update((place, *place.parents))

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._images.clear()
            self._folders.clear()
            self._deleted.clear()


def _absolute(path: Path) -> Path:
    """Return a path as all spellings of it are kept."""
    return Path(os.path.abspath(path))
