"""Where on a device an array's pixels lie, and in which order."""

from collections.abc import Callable
from typing import Any

import msgspec

from ._cuda import Cuda, Target

NO_GAPS = 0, 0
"""Width and pitch of rows that follow each other."""
NARROWEST = 16
"""Bytes of a row: narrower ones, of one colour of three say, take a DMA longer than it takes to pack them."""
WIDEST_PITCH = (1 << 31) - 1
"""Bytes that CUDA allows."""


class DeviceMemory(msgspec.Struct, eq=False):  # made four times as fast as another class
    """The pixels of an array: whole, or rows that begin equally far apart."""

    owner: Any
    """Keeps the memory."""
    pointer: int
    device: int
    stream: int | None
    """What computes the array, a number as CUDA has it; None if nobody says."""
    nbytes: int
    width: int = 0
    """Bytes of a row, 0 if the pixels lie without gaps."""
    pitch: int = 0
    """Bytes from one row's beginning to the next one's."""
    is_ready: bool = False
    """Whether it is computed already: then a copy waits for nothing."""
    hold: Callable[[Any, int], object] | None = None
    """Of the owner and the stream that copies, what keeps others from the memory as long as it exists."""
    find: "Callable[[DeviceMemory, memoryview], DeviceMemory | None] | None" = None
    """If nobody can change the array: what returns this with its pointer, or None after copying it itself."""

    def keep(self) -> None:
        """Let nobody else have the memory until this is dropped; a second time is harmless."""
        if self.hold is not None and self.stream is not None:
            self.owner, self.hold = (self.owner, self.hold(self.owner, self.stream)), None

    def copy_by(self, cuda: Cuda, target: Target, stream: int) -> None:
        """Give the stream the copy of all of it."""
        if self.width:
            rows = self.nbytes // self.width
            cuda.copy_rows(target, self.pointer, self.pitch, self.width, rows, stream)
        else:
            cuda.copy(target, self.pointer, self.nbytes, stream)


def rows_of(shape: tuple[int, ...], strides: tuple[int, ...] | None, itemsize: int) -> tuple[int, int] | None:
    """Return width and pitch of rows that begin equally far apart, 0 without gaps; None if there are none.

    Args:
        shape: Of the array.
        strides: In bytes; None is C order.
        itemsize: Bytes of a pixel.
    """
    if strides is None:
        return NO_GAPS
    expected, gap = itemsize, False
    for place in reversed(range(len(shape))):
        if shape[place] == 1:
            continue
        if strides[place] != expected:
            if gap or place == len(shape) - 1 or strides[place] < expected:
                return None
            width, gap = expected, True
            expected = pitch = strides[place]
            if width < NARROWEST or pitch > WIDEST_PITCH:
                return None
        expected *= shape[place]
    return (width, pitch) if gap else NO_GAPS
