"""Where segments are not pinned: pieces of an image go through a little memory that is."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from hcs_protocol import DeviceError

from ._cuda import LEGACY, Cuda
from ._device_memory import DeviceMemory

PIECE_NBYTES = 4 << 20
PIECES = 2
"""One is copied out while the device fills the other."""


class Ring:
    """A few pieces of pinned memory, for one device; made when first used, and kept."""

    def __init__(self, cuda: Cuda, device: int, stream: int) -> None:
        self._cuda = cuda
        self._device = device
        self._stream = stream
        self._lock = threading.Lock()
        self._pieces: list[tuple[int, object]] | None = None
        """Address and event of each; none if no memory can be pinned at all."""

    def copy(self, memory: DeviceMemory, pixels: memoryview) -> None:
        """Copy an array into these bytes, and wait for it.

        Raises:
            DeviceError: The device cannot.
        """
        with self._lock, self._cuda.on(self._device), self._after(memory.stream):
            pieces = self._made()
            if memory.width or not pieces:
                memory.copy_by(self._cuda, pixels, self._stream)
            else:
                self._copy_pieces(memory, _array(pixels), pieces)

    @contextmanager
    def _after(self, array_stream: int | None) -> Iterator[None]:
        """Begin after what the array's stream was given, and return when all is copied, come what may."""
        self._cuda.synchronize(LEGACY if array_stream is None else array_stream)
        try:
            yield
        finally:
            self._cuda.synchronize(self._stream)

    def _copy_pieces(
        self,
        memory: DeviceMemory,
        target: "np.ndarray[tuple[int], np.dtype[np.uint8]]",
        pieces: list[tuple[int, object]],
    ) -> None:
        waiting: list[tuple[int, object, int]] = []
        for number, begin in enumerate(range(0, memory.nbytes, PIECE_NBYTES)):
            if len(waiting) == len(pieces):
                self._take_out(*waiting.pop(0), target)
            address, event = pieces[number % len(pieces)]
            nbytes = min(PIECE_NBYTES, memory.nbytes - begin)
            self._cuda.copy(address, memory.pointer + begin, nbytes, self._stream)
            self._cuda.record(event, self._stream)
            waiting.append((address, event, begin))
        for piece in waiting:
            self._take_out(*piece, target)

    def _take_out(
        self, address: int, event: object, begin: int, target: "np.ndarray[tuple[int], np.dtype[np.uint8]]"
    ) -> None:
        self._cuda.wait(event)
        place = target[begin : begin + PIECE_NBYTES]
        np.copyto(place, np.frombuffer((ctypes.c_uint8 * place.nbytes).from_address(address), np.uint8))

    def _made(self) -> list[tuple[int, object]]:
        if self._pieces is None:
            try:
                self._pieces = [
                    (self._cuda.allocate(PIECE_NBYTES), self._cuda.new_event()) for _ in range(PIECES)
                ]
            except DeviceError:
                self._pieces = []
        return self._pieces


def _array(pixels: memoryview) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    return np.frombuffer(pixels, np.uint8)
