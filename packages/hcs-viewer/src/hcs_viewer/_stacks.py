"""The lazy array that a layer shows: a plane is looked up when napari asks for it, never before."""

import itertools
import math
from typing import Any

import numpy as np

from ._axes import Position
from ._layer_models import LayerModel
from ._layout import Layout
from ._store import Pixels, Store

Key = Any
"""What NumPy's basic indexing takes: integers, slices, an ellipsis."""


class Stack:
    """A duck array of shape ``(plate, timepoint, well, site, channel, z_index, y, x[, colour])``.

    Missing planes are blank. Along an axis that its layer does not stack the image is the same everywhere:
    a projection is seen at every z, a layer of one well at every well.
    """

    def __init__(self, layout: Layout, layer: LayerModel, store: Store, fixed: tuple[int, ...] = ()) -> None:
        """Make the stack of a layer; ``fixed`` are the indexes of the first axes, already chosen."""
        self._layout = layout
        self._layer = layer
        self._store = store
        self._fixed = fixed
        self._blank: Pixels = np.zeros(0)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the shared axes, then of a plane."""
        return self._layout.shape[len(self._fixed) :] + self._layer.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the images; truth values are shown as 0 and 1."""
        return np.dtype(np.uint8 if self._layer.dtype == "bool" else self._layer.dtype)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels, blank ones included."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Key) -> "Stack | Pixels":
        if isinstance(key, int | np.integer) and self.ndim - 1 > len(self._layer.shape):
            place = _range(key, len(self)).start
            return Stack(self._layout, self._layer, self._store, (*self._fixed, place))
        indexes = self._fixed + _complete(key, self.ndim)
        lengths = self._layout.shape
        ranges = [_range(index, length) for index, length in zip(indexes, lengths, strict=False)]
        within = (..., *indexes[len(lengths) :])
        planes = [self.plane(self._layout.position(self._layer, at)) for at in itertools.product(*ranges)]
        kept = [len(r) for r, index in zip(ranges, indexes, strict=False) if isinstance(index, slice)]
        found: Pixels = _together(planes) if planes else self._blank_plane()[:0]
        cut: Pixels = found.reshape(*kept, *self._layer.shape)[within]
        return cut

    def plane(self, position: Position) -> Pixels:
        """Return the plane at this position, blank if there is none; smaller ones are padded."""
        plane = self._layer.planes.get(position)
        if plane is None:
            return self._blank_plane()
        pixels = self._store.get(plane.image).pixels
        if plane.plane is not None:
            pixels = pixels[plane.plane]
        pixels = pixels.view(np.uint8) if pixels.dtype == bool else pixels
        return pixels if pixels.shape == self._layer.shape else self._padded(pixels)

    def _blank_plane(self) -> Pixels:
        if self._blank.shape != self._layer.shape:
            self._blank = np.zeros(self._layer.shape, self.dtype)
            self._blank.flags.writeable = False
        return self._blank

    def _padded(self, pixels: Pixels) -> Pixels:
        padded = np.zeros(self._layer.shape, self.dtype)
        padded[: pixels.shape[0], : pixels.shape[1]] = pixels
        return padded


def _together(planes: list[Pixels]) -> Pixels:
    return planes[0] if len(planes) == 1 else np.stack(planes)  # one is not copied


def _complete(key: Key, ndim: int) -> tuple[Any, ...]:
    """Return the key as a tuple with one entry per axis."""
    entries = key if isinstance(key, tuple) else (key,)
    if Ellipsis in entries:
        place = entries.index(Ellipsis)
        fill = (slice(None),) * (ndim - len(entries) + 1)
        return entries[:place] + fill + entries[place + 1 :]
    return entries + (slice(None),) * (ndim - len(entries))


def _range(index: Any, length: int) -> range:
    if isinstance(index, slice):
        return range(*index.indices(length))
    place = int(index)
    if not -length <= place < length:
        raise IndexError(f"index {place} is out of bounds for an axis of length {length}")
    return range(place % length, place % length + 1)
