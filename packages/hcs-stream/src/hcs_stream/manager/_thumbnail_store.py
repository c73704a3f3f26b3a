"""Small pictures of images: made in a few threads, the newest wish first, and kept within a budget. No Qt."""

import importlib
import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from hcs_stream.sending import FoundImage, ImageTable, read_planes

THREADS = 2
BUDGET_NBYTES = 64 << 20
CLOSE_SECONDS = 1.0
SIDE = 128
"""Of the largest picture, in pixels."""
DARKEST, BRIGHTEST = 0.5, 99.8
"""Percentiles of the grey values that are drawn black and white."""

Picture = npt.NDArray[np.uint8]
"""Of shape ``(y, x)`` or ``(y, x, 3)``."""


def import_readers() -> None:
    """Import what reads pictures, which takes a while, before somebody waits for one."""
    for name in ("tifffile", "imagecodecs"):
        importlib.import_module(name)
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it stumbles over is told beside the image


class Broken(str):
    """Why there is no picture of an image."""


class ThumbnailStore:
    """Pictures of images by their rows in the table."""

    def __init__(
        self,
        ready: Callable[[], None],
        *,
        budget: int = BUDGET_NBYTES,
        make: "Callable[[FoundImage], Picture] | None" = None,
    ) -> None:
        """Have no pictures.

        Args:
            ready: Is called, in a thread, when there is another picture.
            budget: Bytes of the pictures that are kept.
            make: Makes the picture of an image.
        """
        self._ready = ready
        self._budget = budget
        self._make = make or thumbnail
        self._table: ImageTable | None = None
        self._kept: OrderedDict[int, Picture | Broken] = OrderedDict()
        self._nbytes = 0
        self._wanted: list[int] = []
        self._under_way: set[int] = set()
        self._threads: dict[threading.Thread, ImageTable] = {}
        """With the plate whose pictures they make: a disk that hangs keeps no other plate's waiting."""
        self._lock = threading.Lock()

    def show_table(self, table: ImageTable | None) -> None:
        """Forget all pictures; those of this plate's images are wanted from now on."""
        with self._lock:
            self._table = table
            self._kept.clear()
            self._under_way.clear()
            self._wanted, self._nbytes = [], 0

    def get(self, row: int) -> Picture | Broken | None:
        """Return the picture of an image, or why there is none; None if it is not made yet."""
        with self._lock:
            found = self._kept.get(row)
            if found is not None:
                self._kept.move_to_end(row)
            return found

    def want(self, rows: Sequence[int]) -> None:
        """Make these pictures, in this order, and no others: what was scrolled away is not made."""
        with self._lock:
            self._wanted = [r for r in reversed(rows) if r not in self._kept and r not in self._under_way]
            if (table := self._table) is None:
                return
            running = sum(of is table for of in self._threads.values())
            for _ in range(min(THREADS, len(self._wanted)) - running):
                thread = threading.Thread(target=self._work, args=(table,), name="hcs-thumbnail", daemon=True)
                self._threads[thread] = table
                thread.start()

    def close(self) -> None:
        """Wait, a second at most, for what is under way; a second time is harmless."""
        with self._lock:
            self._wanted = []
            threads = list(self._threads)
        for thread in threads:
            thread.join(CLOSE_SECONDS)

    @property
    def nbytes(self) -> int:
        """Bytes of the pictures that are kept."""
        return self._nbytes

    def _work(self, table: ImageTable) -> None:
        while (row := self._next(table)) is not None:
            try:
                made: Picture | Broken = self._make(table.image(row))
            except Exception as error:  # a broken file makes its reader stumble in any way
                made = Broken(str(error) or type(error).__name__)
            self._keep(table, row, made)
            with suppress(RuntimeError):  # the window is gone meanwhile
                self._ready()

    def _next(self, table: ImageTable) -> int | None:
        with self._lock:
            if not self._wanted or self._table is not table:
                self._threads.pop(threading.current_thread(), None)
                return None
            row = self._wanted.pop()
            self._under_way.add(row)
            return row

    def _keep(self, table: ImageTable, row: int, made: Picture | Broken) -> None:
        with self._lock:
            if table is not self._table:
                return
            self._under_way.discard(row)
            self._kept[row] = made
            self._nbytes += _nbytes(made)
            while self._nbytes > self._budget and len(self._kept) > 1:
                _, given_up = self._kept.popitem(last=False)
                self._nbytes -= _nbytes(given_up)


def thumbnail(image: FoundImage, side: int = SIDE) -> Picture:
    """Return a small picture of the first plane of an image, its contrast by percentiles.

    Raises:
        UnreadableImageError: As `read_image`.
        OSError: The file cannot be read.
    """
    pixels, _ = next(iter(read_planes(image)))
    small = _shrunk(pixels, side)
    if small.dtype == np.uint8 and small.ndim == 3:
        return small
    values = np.nan_to_num(small.astype(np.float32), copy=False, posinf=0.0, neginf=0.0)
    dark, bright = np.percentile(values, (DARKEST, BRIGHTEST))
    scaled = (values - dark) * (255.0 / max(float(bright - dark), 1e-6))
    return np.ascontiguousarray(np.clip(scaled, 0, 255).astype(np.uint8))


def _shrunk(pixels: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """Take a pixel of each square, and of large images the mean of two by two."""
    step = math.ceil(max(pixels.shape[:2]) / side)
    if step < 2:
        return np.ascontiguousarray(pixels)
    half = max(1, step // 2)
    taken = pixels[::half, ::half]
    rows, columns = taken.shape[0] // 2 * 2, taken.shape[1] // 2 * 2
    if step % 2 or min(rows, columns) < 2:
        return np.ascontiguousarray(pixels[::step, ::step])
    quarters = taken[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2, *taken.shape[2:])
    return np.ascontiguousarray(quarters.astype(np.float32).mean(axis=(1, 3)).astype(taken.dtype))


def _nbytes(made: Picture | Broken) -> int:
    return len(made) if isinstance(made, Broken) else made.nbytes
