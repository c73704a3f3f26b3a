"""The lazy array that a layer shows: a plane is looked up when napari asks for it, never before."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._axes import Position
from ._layer_models import LayerModel, Plane
from ._layout import Layout
from ._shelf import KeptImage, Pixels
from ._store import Store

Key = Any
"""What NumPy's basic indexing takes: integers, slices, an ellipsis."""
MOST_DRAWN = 3
"""So many axes napari draws at a time as a whole."""


class Stack:
    """A duck array of shape ``(plate, timepoint, well, site, channel, z_index, y, x[, colour])``.

    Missing planes are blank, and so is all that is drawn while some of it is not in memory; the store says
    when it is. Along an axis that its layer does not stack, or that none of its images has, the image
    is the same everywhere: a projection is seen at every z, an overview of a well at every site.
    """

    def __init__(
        self,
        layout: Layout,
        layer: LayerModel,
        store: Store,
        fixed: tuple[int, ...] = (),
        looker: object = None,
    ) -> None:
        """Make the stack of a layer.

        Args:
            layout: Knows where in it the images are.
            layer: What is known of it.
            store: Has the images.
            fixed: Indexes of the first axes, already chosen.
            looker: The stack of which this is a part; what was asked for last stays in memory.
        """
        self._layout = layout
        self._layer = layer
        self._store = store
        self._fixed = fixed
        self._looker = self if looker is None else looker
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

    def __deepcopy__(self, memo: dict[int, Any]) -> "Stack":
        """Return a stack of the same images, as for a layer that the user duplicates."""
        return Stack(self._layout, self._layer, self._store, self._fixed)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Key) -> "Stack | Pixels":
        if isinstance(key, int | np.integer) and self.ndim - 1 > len(self._layer.shape):
            place = _range(key, len(self)).start
            return Stack(self._layout, self._layer, self._store, (*self._fixed, place), self._looker)
        indexes = self._fixed + _complete(key, self.ndim)
        lengths = self._layout.shape
        ranges = [_range(index, length) for index, length in zip(indexes, lengths, strict=False)]
        within = (..., *indexes[len(lengths) :])
        places = [self._place(at) for at in itertools.product(*ranges)]
        kept = [len(r) for r, index in zip(ranges, indexes, strict=False) if isinstance(index, slice)]
        look = self._copy if _is_copied(indexes[: len(lengths)]) else self._look
        cut: Pixels = look(places).reshape(*kept, *self._layer.shape)[within]
        return cut

    def __array__(self, dtype: np.dtype[Any] | None = None, copy: bool | None = None) -> Pixels:
        """Return all pixels, and wait until what is away is read: this is how a layer is saved."""
        if copy is False:
            raise ValueError("the planes lie apart: an array of all of them is a copy")
        whole: Pixels = np.zeros(self.shape, self.dtype)
        for at in np.ndindex(*self._layout.shape[len(self._fixed) :]):
            position = self._layout.position(self._layer, (*self._fixed, *at))
            if position in self._layer.planes:
                whole[at] = self.plane(position)
        return whole.astype(self.dtype if dtype is None else dtype, copy=False)

    def astype(self, dtype: npt.DTypeLike) -> Pixels:
        """Return all pixels as those of this dtype, as `__array__`: napari's own conversion asks so."""
        return self.__array__(np.dtype(dtype))

    def plane(self, position: Position) -> Pixels:
        """Return the plane at this position, blank if there is none; wait until it is read if it is away.

        Raises:
            ImageLostError: It cannot be read.
        """
        plane = self._layer.planes.get(position)
        return self._blank_plane() if plane is None else self._cut(plane, self._store.get(plane.image))

    def _place(self, at: tuple[int, ...]) -> Plane | None:
        return self._layer.planes.get(self._layout.position(self._layer, at))

    def _copy(self, places: list[Plane | None]) -> Pixels:
        """Return planes, and wait until what is away is read."""
        copied: Pixels = np.zeros((len(places), *self._layer.shape), self.dtype)
        for pixels, place in zip(copied, places, strict=True):
            if place is not None:
                pixels[...] = self._cut(place, self._store.get(place.image))
        return copied

    def _look(self, places: list[Plane | None]) -> Pixels:
        """Return planes, blank ones if they are not in memory; only different ones are copied."""
        shape = (len(places), *self._layer.shape)
        nbytes = math.prod(shape) * self.dtype.itemsize
        numbers = dict.fromkeys(place.image for place in places if place is not None)
        is_view = len(set(places)) <= 1 or _is_volume(places)
        images = self._store.look(self._looker, numbers, 0 if is_view else nbytes)
        if images is None or not numbers:
            return np.broadcast_to(self._blank_plane(), shape)
        if is_view:
            [image] = images.values()
            whole = self._found(places[0], images) if len(set(places)) == 1 else _drawable(image.pixels)
            if whole.shape in {shape, shape[1:]}:
                return np.broadcast_to(whole, shape)
        found = [self._found(place, images) for place in places]
        return np.stack(found, out=self._store.room(nbytes).view(self.dtype).reshape(shape))

    def _found(self, place: Plane | None, images: dict[int, KeptImage]) -> Pixels:
        return self._blank_plane() if place is None else self._cut(place, images[place.image])

    def _cut(self, plane: Plane, image: KeptImage) -> Pixels:
        """Return a plane of an image; a smaller one is padded."""
        pixels = image.pixels
        if plane.plane is not None:
            pixels = pixels[plane.plane]
        pixels = _drawable(pixels)
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


def _is_copied(indexes: Sequence[Any]) -> bool:
    """Say whether so much is asked for that nobody draws it: it is to be kept, as by *Split Stack*."""
    whole = [index for index in indexes if isinstance(index, slice) and index == slice(None)]
    return len(whole) > MOST_DRAWN


def _is_volume(places: list[Plane | None]) -> bool:
    """Say whether these are the planes of one image from its first one on."""
    first = places[0] if places else None
    return first is not None and places == [Plane(first.image, number) for number in range(len(places))]


def _drawable(pixels: Pixels) -> Pixels:
    return pixels.view(np.uint8) if pixels.dtype == bool else pixels


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
