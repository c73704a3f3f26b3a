"""Writing images to a disk: by the pool that spills, and by `os.pwrite` alone into one file."""

import os
from collections import deque
from pathlib import Path

import numpy as np

import hcs_shm
from hcs_protocol import BlockRef

from .pixels import SLOTS, mark, rotating, size_nbytes


class Spill:
    """Spill an image; as many are out as the plain file has room for."""

    def __init__(self, folder: Path, size: str) -> None:
        self._pool = hcs_shm.SpillPool(folder=folder, budget=4 * SLOTS[size] * size_nbytes(size))
        self._sources = rotating(size)
        self._slots = SLOTS[size]
        self._out: deque[BlockRef] = deque()

    def prepare(self, number: int) -> None:
        """Number the next source; give the oldest block back."""
        self._source = next(self._sources)
        mark(self._source, number)
        if len(self._out) == self._slots:
            self._pool.take_back(self._out.popleft())

    def run(self, number: int) -> None:
        """Spill it."""
        self._out.append(self._pool.spill(memoryview(self._source.reshape(-1).view(np.uint8))))


class PlainWrite:
    """Write an image over the oldest one in a file that is never enlarged."""

    def __init__(self, folder: Path, size: str) -> None:
        self._nbytes, self._slots = size_nbytes(size), SLOTS[size]
        self._sources = rotating(size)
        self._file = os.open(folder / "plain", os.O_RDWR | os.O_CREAT, 0o600)
        os.posix_fallocate(self._file, 0, self._slots * self._nbytes)

    def prepare(self, number: int) -> None:
        """Number the next source."""
        self._source = next(self._sources)
        mark(self._source, number)

    def run(self, number: int) -> None:
        """Write it."""
        os.pwrite(self._file, self._source.data, number % self._slots * self._nbytes)
