"""Planes of zarr arrays, named by the file of a chunk: what OME-NGFF plates are made of."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_CHUNK_NAME = re.compile(r"(c\.)?\d+(\.\d+)*")
CODECS_OF_OBJECTS = frozenset({"pickle", "json2", "msgpack2"})
"""Of zarr 2: what they make is no pixels, and to unpickle runs what the file says."""
DEEPEST = 8
"""How far above a chunk's file its array's metadata may lie: one folder an axis, and ``c``."""


def is_chunk_name(path: str) -> bool:
    """Say whether a file is named as the chunks of zarr arrays are."""
    return _CHUNK_NAME.fullmatch(os.path.basename(path)) is not None


class ZarrPlane:
    """One plane of an array, ``(y, x)``: the one that lies at a place within a chunk."""

    def __init__(self, path: str, key: int) -> None:
        """Find the array that a chunk belongs to.

        Args:
            path: The chunk's file, or its shard's.
            key: Which plane of it; 0 is the first.

        Raises:
            ValueError: It belongs to no array of pixels, or has no such plane.
        """
        import zarr  # slow to import, and few are sent such files

        folder = _array_above(Path(path))
        self._array: Any = zarr.open_array(folder, mode="r")
        _check_codecs(self._array)
        self._at = self._place(Path(path).relative_to(folder), key)

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width."""
        return tuple(self._array.shape[-2:])

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Of the pixels; `asarray` has them in the array's own byte order."""
        dtype: np.dtype[np.generic] = np.dtype(self._array.dtype).newbyteorder("=")
        return dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of a chunk, or of a shard."""
        return tuple(self._array.shards or self._array.chunks)

    def asarray(self) -> npt.NDArray[np.generic]:
        """Return the pixels."""
        return np.asarray(self._array[self._at])

    def _place(self, name: Path, key: int) -> tuple[int, ...]:
        parts = [part for part in re.split(r"[/.]", name.as_posix()) if part != "c"]
        chunk = tuple(int(part) for part in parts)
        if len(chunk) != self._array.ndim or self._array.ndim < 2:
            wanted = f"the chunk of an array of {self._array.ndim} axes"
            raise ValueError(f"wanted {wanted}, found {name.as_posix()!r}")
        if (known := self._array.metadata.encode_chunk_key(chunk)) != name.as_posix():  # zarr reads that one
            raise ValueError(f"wanted the chunk {known!r}, found {name.as_posix()!r}")
        sides = self.chunks[:-2]
        within = np.unravel_index(key, sides or (1,))
        return tuple(
            number * side + int(offset) for number, side, offset in zip(chunk, sides, within, strict=False)
        )


def _check_codecs(array: Any) -> None:
    names = {getattr(codec, "codec_id", "") for codec in (*array.filters, *array.compressors)}
    if found := names & CODECS_OF_OBJECTS:
        raise ValueError(f"wanted codecs of pixels, found {', '.join(sorted(found))}")


def _array_above(path: Path) -> Path:
    for folder in list(path.parents)[:DEEPEST]:
        if (folder / ".zarray").is_file():
            return folder
        metadata = folder / "zarr.json"
        if metadata.is_file() and json.loads(metadata.read_bytes()).get("node_type") == "array":
            return folder
    raise ValueError(f"wanted the chunk of a zarr array, found {str(path)!r}")
