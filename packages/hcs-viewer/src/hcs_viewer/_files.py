"""Pixels that a worker refers to by file: a page of a TIFF, or a plane of a zarr array."""

import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from hcs_protocol import BlockRef, BlockUnavailableError, FileRef, FrameRef, ImageReady, ImageSpec

from ._path_map import PathMap
from ._slabs import Slab
from ._zarr_planes import ZarrPlane, is_chunk_name

Pixels = npt.NDArray[np.generic]

MOST_NBYTES = 1 << 32
"""Of an image in a file, and of one of its chunks, if the viewer's memory sets no limit: as of a frame."""


class Plane(Protocol):
    """What can be read from a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the pixels."""

    @property
    def dtype(self) -> np.dtype[np.generic] | None:
        """Of the pixels."""

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of what is decoded at once, which a small file may say to be huge."""

    def asarray(self) -> Pixels:
        """Return the pixels."""


class WorkersFile:
    """A worker's file that has an image's pixels, as long as it does not change."""

    def __init__(self, ref: FileRef, spec: ImageSpec) -> None:
        """Remember what the file is like now.

        Raises:
            OSError: It cannot be read here.
        """
        self._ref = ref
        self._spec = spec
        self._stamp = _stamp(ref)

    @classmethod
    def of(cls, ready: ImageReady, path_map: PathMap) -> Self | None:
        """Return the file that an image says it lies in; None if it says none, or one that is not here."""
        ref = ready.pixels if isinstance(ready.pixels, FileRef) else ready.file
        try:
            if ref is not None and not isinstance(ready.pixels, BlockRef):
                mapped = path_map.ref(ref)
                if mapped is None and isinstance(ready.pixels, FrameRef):
                    return None  # who sends frames may be elsewhere, where the path means another file
                ref = mapped or ref
            return None if ref is None else cls(ref, ready.spec)
        except (OSError, BlockUnavailableError):
            return None

    def is_good(self) -> bool:
        """Say whether the pixels can be expected to be there still."""
        try:
            if self._stamp != _stamp(self._ref):
                return False
            with _opened(self._ref) as plane:
                _check_plane(plane, self._spec, MOST_NBYTES)
        except Exception:  # a damaged file makes its decoders raise anything
            return False
        return True

    def read(self, memory: Slab) -> None:
        """Read the pixels' bytes into memory of their size.

        Raises:
            OSError: The file is gone, or it changed.
        """
        if self._stamp != _stamp(self._ref):
            raise OSError(f"changed since the image came: {self._ref.path!r}")
        try:
            memory[:] = np.frombuffer(read_file(self._ref, self._spec), np.uint8)
        except BlockUnavailableError as error:
            raise OSError(str(error)) from error

    def remove(self) -> None:
        """Leave the file where it is: it is the worker's."""


def read_file(ref: FileRef, spec: ImageSpec, most: int | None = None) -> bytes:
    """Return the bytes of an image in a file.

    Args:
        ref: Where it is.
        spec: What it has to be.
        most: Bytes that an image may have.

    Raises:
        BlockUnavailableError: There is no such file or page, or it is not what the spec says, or too large.
    """
    most = MOST_NBYTES if most is None else most
    if spec.nbytes > most:
        raise BlockUnavailableError(
            f"too large: wanted at most {most} bytes, {ref.path!r} has {spec.nbytes}; "
            "start the viewer with more --memory"
        )
    if not os.path.isfile(ref.path):
        raise BlockUnavailableError(f"no such file: {ref.path!r}")  # nor a pipe that makes its reader wait
    try:
        with _opened(ref) as plane:
            pixels = _read_plane(plane, spec, most)
    except Exception as error:  # a damaged file makes its decoders raise anything
        raise BlockUnavailableError(f"cannot read page {ref.key} of {ref.path!r}: {error}") from error
    return pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()


def _stamp(ref: FileRef) -> tuple[int, int]:
    found = os.stat(ref.path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"no file: {ref.path!r}")  # a pipe makes its reader wait
    return found.st_mtime_ns, found.st_size


@contextmanager
def _opened(ref: FileRef) -> Iterator[Plane]:
    if is_chunk_name(ref.path):
        yield ZarrPlane(ref.path, ref.key)
    else:
        import tifffile  # slow to import: no image waits for it but those that are read from files

        with open(ref.path, "rb", opener=_open_plain) as file, tifffile.TiffFile(file) as tiff:
            page = tiff.pages[ref.key]
            tifffile.TIFF.DECOMPRESSORS[page.compression]  # or it raises: no decoder
            yield page


def _open_plain(path: str, flags: int) -> int:
    """Open a plain file that is not empty: a pipe makes its reader wait, and so do some files of the system.

    Raises:
        OSError: It is none.
    """
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_size:
        return descriptor
    os.close(descriptor)
    raise OSError("no plain file, or an empty one")


def _read_plane(plane: Plane, spec: ImageSpec, most: int) -> Pixels:
    """Return the pixels of a plane that is what the spec says; no other is decoded."""
    _check_plane(plane, spec, most)
    return plane.asarray()


def _check_plane(plane: Plane, spec: ImageSpec, most: int) -> None:
    if plane.shape != spec.shape or plane.dtype != np.dtype(spec.dtype):
        raise ValueError(f"wanted {spec.shape} {spec.dtype}, there is {plane.shape} {plane.dtype}")
    nbytes = math.prod(plane.chunks) * np.dtype(spec.dtype).itemsize
    if nbytes > most:
        raise ValueError(f"wanted chunks of at most {most} bytes, they have {nbytes}")
