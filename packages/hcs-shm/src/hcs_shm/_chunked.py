"""Arrays in chunks, of dask, zarr or h5py: each chunk goes into the block as it comes."""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import Any

from hcs_protocol import UnsupportedArrayError

from ._dtypes import Array
from ._sources import Source, is_a, loaded

PIECE_NBYTES = 8 << 20
"""Chunks are read together up to so much: each reading has a price of its own."""

Place = tuple[slice, ...]
Put = Callable[[Array, object], None]


class Chunks(Source):
    """An array that is read by slices, best along its chunks."""

    def __init__(self, array: Any, put: Put) -> None:
        self._array = array
        self._put = put
        self.shape = tuple(array.shape)
        self.dtype = array.dtype

    def copy_to(self, target: Array) -> None:
        """Read and copy piece by piece."""
        lengths = piece_lengths(self.shape, self._array.chunks, self.dtype.itemsize)
        ranges = [range(0, side, length) for side, length in zip(self.shape, lengths, strict=True)]
        for begins in itertools.product(*ranges):
            place = tuple(slice(begin, begin + length) for begin, length in zip(begins, lengths, strict=True))
            self._put(target[place], self._array[place])


class DaskArray(Source):
    """An array of dask, computed by whichever scheduler is in use."""

    def __init__(self, array: Any, put: Put) -> None:
        self._array = array
        self._put = put
        self.shape = tuple(array.shape)
        self.dtype = array.dtype
        if not all(isinstance(length, int) for length in self.shape):
            raise UnsupportedArrayError(
                f"wanted an array that knows its shape, {self.shape!r}: call array.compute_chunk_sizes()"
            )

    def copy_to(self, target: Array) -> None:
        """Compute all chunks together, what they share once, and copy each as it comes."""
        blocks = self._array.to_delayed().ravel().tolist()
        places = [target[place] for place in _places(self._array.chunks)]
        dask: Any = loaded("dask")
        get = dask.base.get_scheduler(collections=[self._array])
        client = getattr(get, "__self__", None)
        if is_a(client, "distributed", "Client"):
            self._gather(client, blocks, places)
        elif get is None or get.__module__ in {"dask.threaded", "dask.local"}:
            with _Puts(self._put) as put:
                puts = [dask.delayed(partial(put, place), pure=False, traverse=False) for place in places]
                dask.compute(*(at(block) for at, block in zip(puts, blocks, strict=True)))
        else:  # its workers do not have this memory
            for place, block in zip(places, blocks, strict=True):
                self._put(place, block.compute())

    def _gather(self, client: Any, blocks: list[Any], places: list[Array]) -> None:
        distributed: Any = loaded("distributed")
        futures = client.compute(blocks)
        place_of = {future.key: place for future, place in zip(futures, places, strict=True)}
        for future, block in distributed.as_completed(futures, with_results=True):
            self._put(place_of[future.key], block)


class _Puts:
    """Puts the chunks that threads compute into their places, and none any more once it is left.

    A scheduler whose task fails, or that Ctrl-C interrupts, does not wait for its other threads.
    """

    def __init__(self, put: Put) -> None:
        self._put = put
        self._changed = threading.Condition()
        self._under_way = 0
        self._is_left = False

    def __enter__(self) -> Put:
        return self._put_one

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_left = True
            self._changed.wait_for(lambda: not self._under_way)

    def _put_one(self, place: Array, chunk: object) -> None:
        with self._changed:
            if self._is_left:
                return
            self._under_way += 1
        try:
            self._put(place, chunk)
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()


def chunked(array: Any, put: Put) -> Chunks | DaskArray | None:
    """Return the source of an array in chunks; None if it is none.

    Args:
        array: Perhaps one.
        put: Writes a chunk, an array of any library, into its place.
    """
    if is_a(array, "dask.array", "Array"):
        return DaskArray(array, put)
    chunks = getattr(array, "chunks", None)
    is_read_by_slices = isinstance(chunks, tuple) and all(isinstance(length, int) for length in chunks)
    if is_read_by_slices and chunks and hasattr(array, "__getitem__") and hasattr(array, "dtype"):
        return Chunks(array, put)
    return None


def piece_lengths(shape: Sequence[int], chunks: Sequence[int], itemsize: int) -> list[int]:
    """Return how much to read at once along each axis: whole chunks, together if they are small."""
    lengths = [min(side, chunk) for side, chunk in zip(shape, chunks, strict=True)]
    nbytes = itemsize
    for length in lengths:
        nbytes *= length
    for axis in reversed(range(len(lengths))):
        times = min(PIECE_NBYTES // max(nbytes, 1), -(-shape[axis] // lengths[axis]))
        if times > 1:
            lengths[axis] *= times
            nbytes *= times
    return lengths


def _places(chunks: Sequence[Sequence[int]]) -> Iterator[Place]:
    for ends in itertools.product(
        *(list(zip(itertools.accumulate(axis), axis, strict=True)) for axis in chunks)
    ):
        yield tuple(slice(end - length, end) for end, length in ends)
