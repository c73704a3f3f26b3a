"""The arrays of an image: axes t, c, z, y, x; each plane is written by itself, whole, and by any process."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import msgspec
import numpy as np

from hcs_stream._chunk_files import ChunkFiles
from hcs_stream._extras import extra
from hcs_stream._unreadable import UnreadableImageError

from ._backend import Pixels
from ._errors import StorageWriteError
from ._ngff import Version
from ._pyramid import level_count, level_shapes, pyramid
from ._zarr_groups import is_array
from ._zarr_state import Variant

if TYPE_CHECKING:
    from types import ModuleType

    import zarr

Compressor: TypeAlias = Literal["zstd", "lz4", "gzip", "none"]
COMPRESSORS: tuple[Compressor, ...] = ("zstd", "lz4", "gzip", "none")
CHUNK = 1024
HARDEST = 9
"""The greatest level of all compressors."""
PERCENTILES = 0.1, 99.9
SAMPLED = 16
"""From how many timepoints of an image its grey values are taken."""


class ArrayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How new arrays are laid out."""

    chunk: int = CHUNK
    """Height and width of what is compressed at once."""
    sharding: bool = True
    """Whether a plane's chunks lie in one file; zarr v3 (NGFF 0.5) only."""
    compressor: Compressor = "zstd"
    """``"zstd"`` and ``"lz4"`` shuffle bytes first (blosc); ``"gzip"``; ``"none"``."""
    compression_level: int = 1
    levels: int | None = None
    """How many sizes an image is kept in; by default, until it has at most 512 pixels a side."""

    def __post_init__(self) -> None:
        if self.compressor not in COMPRESSORS:
            raise ValueError(f"wanted the compressor {', '.join(COMPRESSORS)}, found {self.compressor!r}")
        _check_whole("chunk", self.chunk, least=1)
        _check_whole("compression_level", self.compression_level, least=0, most=HARDEST)
        _check_whole("levels", 1 if self.levels is None else self.levels, least=1)

    def level_count(self, height: int, width: int) -> int:
        """Return how many levels an image of this size has."""
        return level_count(height, width) if self.levels is None else self.levels


def _check_whole(name: str, value: object, *, least: int, most: int = sys.maxsize) -> None:
    if not isinstance(value, Integral) or not least <= int(value) <= most:
        at_most = "" if most == sys.maxsize else f" to {most}"
        raise ValueError(f"wanted as {name} a whole number from {least}{at_most}, found {value!r}")


def import_zarr() -> "ModuleType":
    """Return the module zarr, which takes a while to import.

    Raises:
        MissingExtraError: It is not installed, or too old.
    """
    with extra("zarr", needs="the backend 'zarr'"):
        import zarr

        if int(zarr.__version__.partition(".")[0]) < 3:
            raise ImportError(f"zarr {zarr.__version__} is too old")
    return zarr


def create_levels(folder: Path, version: Version, variant: Variant, options: ArrayOptions) -> None:
    """Make an image's arrays, those that are not there yet.

    Raises:
        StorageWriteError: They could not be written.
    """
    module = import_zarr()
    dtype = np.dtype(variant.dtype)
    for level, sides in enumerate(level_shapes(variant.height, variant.width, variant.levels)):
        if is_array(folder / str(level)):
            continue
        chunk = tuple(min(options.chunk, side) for side in sides)
        shard = tuple(-(-side // piece) * piece for side, piece in zip(sides, chunk, strict=True))
        sharded = options.sharding and version == "0.5" and shard != chunk
        more: dict[str, Any] = {"dimension_names": ("t", "c", "z", "y", "x")} if version == "0.5" else {}
        try:
            module.create_array(
                folder / str(level),
                shape=(*variant.extent, *sides),
                dtype=dtype,
                chunks=(1, 1, 1, *chunk),
                shards=(1, 1, 1, *shard) if sharded else None,
                compressors=compressors(version, options, dtype),
                chunk_key_encoding={"name": "default" if version == "0.5" else "v2", "separator": "/"},
                zarr_format=3 if version == "0.5" else 2,
                fill_value=0,
                **more,
            )
        except OSError as error:
            raise StorageWriteError.of(folder, error) from error


def chunk_files(array: Path) -> ChunkFiles | None:
    """Return the files of the array in this folder; None if there is none.

    Raises:
        UnreadableImageError: Its metadata is damaged.
    """
    try:
        return ChunkFiles.of(array)
    except ValueError as error:
        raise UnreadableImageError(array, str(error)) from error


class Levels:
    """The arrays of one image, opened; another process may grow them meanwhile."""

    def __init__(
        self, folder: Path, arrays: Sequence["zarr.Array[Any]"], files: Sequence[ChunkFiles]
    ) -> None:
        self.folder = folder
        self._arrays = arrays
        self._files = files

    @classmethod
    def of(cls, folder: Path) -> Self | None:
        """Open the arrays of an image's group; None if there are none.

        Raises:
            UnreadableImageError: Their metadata is damaged.
        """
        arrays: list[zarr.Array[Any]] = []
        files: list[ChunkFiles] = []
        while is_array(level := folder / str(len(arrays))) and (found := chunk_files(level)):
            arrays.append(_open(level))
            files.append(found)
        return cls(folder, arrays, files) if arrays else None

    @property
    def extent(self) -> tuple[int, ...]:
        """Lengths of t, c, z as of when they were opened."""
        return self._arrays[0].shape[:3]

    def are_there(self) -> bool:
        """Say whether nobody removed them."""
        return is_array(self.folder / "0")

    def covers(self, extent: Sequence[int]) -> bool:
        """Say whether t, c, z were this long when they were opened."""
        return all(has >= wanted for has, wanted in zip(self.extent, extent, strict=True))

    def grow(self, extent: Sequence[int]) -> None:
        """Make t, c, z at least this long; the caller keeps others from doing the same."""
        for array in self._arrays:
            wanted = tuple(max(pair) for pair in zip(array.shape[:3], extent, strict=True))
            if wanted != array.shape[:3]:
                array.resize((*wanted, *array.shape[3:]))

    def write(self, at: tuple[int, int, int], plane: Pixels, *, labels: bool) -> Path:
        """Write a plane and return the file that it, or its first chunk, lies in.

        Raises:
            StorageWriteError: There is no room, or no permission.
        """
        try:
            sizes = list(pyramid(plane, len(self._arrays), labels=labels))
            for array, pixels in reversed(list(zip(self._arrays, sizes, strict=True))):
                array[at] = pixels  # the full size last: who finds it finds the others
        except OSError as error:
            raise StorageWriteError.of(self.folder, error) from error
        return self.file(at)

    def read(self, at: tuple[int, int, int], level: int = 0) -> Pixels:
        """Return a plane.

        Raises:
            UnreadableImageError: Its file is damaged.
        """
        files = self._files[level].of_plane(at)
        try:
            for file in files:
                self._files[level].check(file)
            return np.asarray(self._arrays[level][at])
        except Exception as error:  # a damaged file makes its decoders raise anything
            raise UnreadableImageError(files[0], f"{type(error).__name__} ({error})") from error

    def samples(self, c: int) -> Iterator[tuple[float, float]]:
        """Yield grey values of a channel, nearly the least and nearly the greatest, of its middle planes."""
        files = self._files[0]
        stacks = [[at for z in files.places(t, c) if self.has(at := (t, c, z))] for t in files.places()]
        written = [stack[len(stack) // 2] for stack in stacks if stack]
        for at in written[:: -(-len(written) // SAMPLED) or 1]:
            with suppress(UnreadableImageError):  # who reads it is told
                grey = self.read(at, level=-1).astype(np.float64)
                grey = grey[np.isfinite(grey)]
                if grey.size:
                    low, high = np.percentile(grey, PERCENTILES)
                    yield float(low), float(high)

    def has(self, at: tuple[int, int, int]) -> bool:
        """Say whether a plane was written, all of it."""
        return self._files[0].has(at)

    def has_any(self) -> bool:
        """Say whether any plane was written."""
        places = self._files[0].places
        return any(self.has((t, c, z)) for t in places() for c in places(t) for z in places(t, c))

    def remove(self, at: tuple[int, int, int]) -> None:
        """Remove a plane at all levels.

        Raises:
            StorageWriteError: There is no permission.
        """
        try:
            for files in self._files:
                for file in files.of_plane(at):
                    file.unlink(missing_ok=True)
        except OSError as error:
            raise StorageWriteError.of(self.folder, error) from error

    def file(self, at: tuple[int, int, int]) -> Path:
        """Return the file of a plane's first chunk, or of all of it."""
        return self._files[0].of_plane(at)[0]


def _open(folder: Path) -> "zarr.Array[Any]":
    module = import_zarr()
    try:
        array = module.open_array(folder, mode="r+")
    except Exception as error:  # damaged metadata makes zarr raise anything
        raise UnreadableImageError(folder, f"{type(error).__name__} ({error})") from error
    # An image that is all zero was written too: its file says so.
    config = {"write_empty_chunks": True}
    opened: zarr.Array[Any] = module.Array(module.AsyncArray(array.metadata, array.store_path, config))
    return opened  # `with_config` does that, from zarr 3.1.6 on


@lru_cache
def compressors(version: Version, options: ArrayOptions, dtype: np.dtype[np.generic]) -> Any:
    level = options.compression_level
    if options.compressor == "none":
        return None
    if version == "0.5":
        from zarr import codecs  # only who writes zarr needs it

        if options.compressor == "gzip":
            return codecs.GzipCodec(level=level)
        blosc = codecs.BloscCodec(
            cname=options.compressor,
            clevel=level,
            shuffle="shuffle" if dtype.itemsize > 1 else "noshuffle",
            typesize=dtype.itemsize,
        )
        return blosc, codecs.Crc32cCodec()  # blosc itself makes pixels of what was cut off or changed
    import numcodecs  # the codecs of zarr v2

    if options.compressor == "gzip":
        return numcodecs.GZip(level)
    return numcodecs.Blosc(options.compressor, level, numcodecs.Blosc.SHUFFLE)
