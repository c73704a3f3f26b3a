"""The files of an array's chunks: where they are, and whether they are whole; found without zarr."""

import os
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Self

import msgspec

METADATA = "zarr.json", ".zarray"
BLOSC = "blosc"
BLOSC_HEADER = 16


class ChunkFiles:
    """The files of an array that was written here, those of shards where there are some.

    They are ``c/0/1/2/0/0`` in zarr v3, and in v2 the same without ``c``.
    """

    def __init__(self, top: Path, counts: Sequence[int], *, blosc: bool) -> None:
        self._top = top
        self._counts = counts
        self._blosc = blosc

    @classmethod
    def of(cls, array: Path) -> Self | None:
        """Return the files of the array in this folder; None if there is none.

        Raises:
            ValueError: Its metadata is damaged; the text begins with the file.
        """
        path = next((path for name in METADATA if (path := array / name).is_file()), None)
        if path is None:
            return None
        try:
            if path.name == ".zarray":
                old = msgspec.json.decode(path.read_bytes(), type=_Version2)
                counts = _counts(old.shape, old.chunks)
                return cls(array, counts, blosc=old.compressor is not None and old.compressor.id == BLOSC)
            new = msgspec.json.decode(path.read_bytes(), type=_Version3)
            counts = _counts(new.shape, new.chunk_grid.configuration.chunk_shape)
            return cls(array / "c", counts, blosc=any(codec.name == BLOSC for codec in new.codecs))
        except (msgspec.MsgspecError, ValueError, OSError, ZeroDivisionError) as error:
            raise ValueError(f"damaged metadata in {str(path)!r}: {error}") from error

    def of_plane(self, at: Sequence[int]) -> list[Path]:
        """Return the files of a plane: all that lie at this place on the axes before y and x."""
        return [self._file(*at, *chunk) for chunk in product(*map(range, self._counts[-2:]))]

    def has(self, at: Sequence[int]) -> bool:
        """Say whether all files of a plane are there."""
        return all(file.is_file() for file in self.of_plane(at))

    def places(self, *at: int) -> list[int]:
        """Return which places were ever written on the next axis: ``places(t, c)`` are those of z."""
        try:
            names = os.listdir(self._top.joinpath(*map(str, at)))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(int(name) for name in names if name.isdecimal())

    def there(self) -> Iterator[Path]:
        """Yield all files that there are; zarr leaves some out whose pixels are all zero."""
        files = (self._file(*chunk) for chunk in product(*map(range, self._counts)))
        return (file for file in files if file.is_file())

    def check(self, file: Path) -> None:
        """Refuse a file that was cut off: zarr and blosc make pixels of the rest of memory, or zeros.

        Raises:
            ValueError: It was, or it is no file.
            OSError: It is not there.
        """
        if file.exists() and not file.is_file():
            raise ValueError(f"wanted a plain file, found {str(file)!r}")  # a pipe makes its reader wait
        with open(file, "rb") as opened:
            header = opened.read(BLOSC_HEADER)
        least, size = 1, file.stat().st_size
        if self._blosc:
            least = max(BLOSC_HEADER, int.from_bytes(header[12:], "little"))
        if size < least:
            raise ValueError(f"wanted {least} bytes or more, found {size}")

    def _file(self, *chunk: int) -> Path:
        return self._top.joinpath(*map(str, chunk))


class _Codec(msgspec.Struct):
    name: str = ""
    id: str = ""


class _Shape(msgspec.Struct):
    chunk_shape: list[int]


class _Grid(msgspec.Struct):
    configuration: _Shape


class _Version3(msgspec.Struct):
    shape: list[int]
    chunk_grid: _Grid
    codecs: list[_Codec]


class _Version2(msgspec.Struct):
    shape: list[int]
    chunks: list[int]
    compressor: _Codec | None = None


def _counts(shape: Sequence[int], chunk: Sequence[int]) -> list[int]:
    return [-(-length // side) for length, side in zip(shape, chunk, strict=True)]
