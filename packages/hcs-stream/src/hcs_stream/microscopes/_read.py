"""The pixels of one image."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hcs_stream._chunk_files import ChunkFiles
from hcs_stream._extras import extra
from hcs_stream._unreadable import UnreadableImageError

from ._image_file import ImageFile, Result
from ._ngff_metadata import STORE_FILES
from ._tiff import has_channels, open_tiff

if TYPE_CHECKING:
    from tifffile import TiffFile

logger = logging.getLogger(__name__)

Pixels = npt.NDArray[Any]

GREY_AND_ALPHA, RGB = 2, 3
MOST_CHUNKS = 1 << 20
"""Of a plane: a file of a few bytes may say that it has more than anybody could look at."""
CODECS_OF_OBJECTS = frozenset({"pickle", "json2", "msgpack2"})
"""Of zarr 2: what they make is no pixels, and to unpickle runs what the file says."""


def read_image(image: ImageFile) -> Pixels:
    """Read the pixels of one image, of shape ``(y, x)`` or ``(y, x, 3)``.

    Raises:
        MissingExtraError: The library that reads such files is not installed.
        UnreadableImageError: The file is empty, cut off or no image, or it has no such plane.
        FileNotFoundError: The file is gone.
    """
    if image.result:
        return _read_result(image.path, image.key, image.result)
    return _as_plane(image.path, *_read(image.path, image.key))


def read_pages(path: Path, pages: Iterable[ImageFile]) -> Iterator[Pixels]:
    """Yield the pixels of pages of one TIFF file, opened once: to open it takes as long as it has pages.

    Raises:
        UnreadableImageError: As `read_image`.
        FileNotFoundError: The file is gone.
    """
    with _stumbling(path), open_tiff(path) as file:
        for page in pages:
            yield _as_plane(path, *_pixels_of(file, path, page.key))


def _as_plane(path: Path, pixels: Pixels, coloured: bool) -> Pixels:
    if coloured and pixels.shape[-1] == GREY_AND_ALPHA:
        pixels, coloured = pixels[..., 0], False
    while pixels.ndim > 2 + coloured and pixels.shape[0] == 1:
        pixels = pixels[0]
    if pixels.ndim != 2 + coloured or (coloured and pixels.shape[-1] not in (3, 4)):
        raise UnreadableImageError(path, f"several planes, of shape {pixels.shape}: say which by its key,")
    return pixels[..., :3] if coloured else pixels


def _read(path: Path, key: tuple[int, ...]) -> tuple[Pixels, bool]:
    """Return pixels, and whether their last axis is colour."""
    if path.is_dir() and any((path / name).exists() for name in STORE_FILES):
        return _read_array(path, key), False
    if path.stat().st_size == 0:
        raise UnreadableImageError(path, "an empty file, which somebody may still be writing,")
    if path.suffix.lower() in (".tif", ".tiff"):
        return _read_tiff(path, key)
    pixels = _read_picture(path)
    return pixels, pixels.ndim > 2


def _read_tiff(path: Path, key: tuple[int, ...]) -> tuple[Pixels, bool]:
    with _stumbling(path), open_tiff(path) as file:
        if not key:
            _check_alone(path, file)
        return _pixels_of(file, path, key)


def _pixels_of(file: "TiffFile", path: Path, key: tuple[int, ...]) -> tuple[Pixels, bool]:
    found = file.pages[key[0]] if key else file.series[0]
    if has_channels(found.keyframe):
        raise UnreadableImageError(path, "several channels in one plane,")
    pixels, axes = file.asarray(key=key[0] if key else None), found.axes
    coloured = "S" in axes
    return np.moveaxis(pixels, axes.index("S"), -1) if coloured else pixels, coloured


@contextmanager
def _stumbling(path: Path) -> Iterator[None]:
    """Say of a broken file, at which tifffile stumbles in any way, that it cannot be read."""
    try:
        yield
    except (FileNotFoundError, UnreadableImageError):
        raise
    except Exception as error:
        raise UnreadableImageError(path, f"{type(error).__name__} ({error})") from error


def _check_alone(path: Path, file: "TiffFile") -> None:
    """Refuse a file with planes beside the first; tell of other images, but for those that show it small."""
    if (count := count_planes(file)) > 1:
        shape = file.series[0].shape
        found = f"{count} planes of one size" if len(file.series) > 1 else f"several planes, of shape {shape}"
        raise UnreadableImageError(path, f"{found}: say which by its key,")
    if sizes := [other.shape for other in file.series[1:] if not other.keyframe.is_reduced]:
        logger.warning("images of other sizes left out path=%s shapes=%s", path, sizes)


def count_planes(file: "TiffFile") -> int:
    """Return how many planes a file has that are of the first one's size; no pixel is read."""
    first, *others = file.series
    lengths = (length for axis, length in zip(first.axes, first.shape, strict=True) if axis not in "YXS")
    return prod(lengths) * (1 + sum(_is_like(first, other) for other in others))


def _is_like(series: Any, other: Any) -> bool:
    """Say whether a file has the same thing in both, and not an overview or a mask beside an image."""
    return bool(series.shape == other.shape and series.dtype == other.dtype)


def _read_result(path: Path, key: tuple[int, ...], result: Result) -> Pixels:
    """Read what this package wrote, of which it is known whether a file is whole."""
    t, c, z = key
    keys = [(t, c + more, z) for more in range(RGB)] if result.coloured else [key]
    try:
        if files := ChunkFiles.of(path):
            for file in (file for one in keys for file in files.of_plane(one)):
                files.check(file)
    except (OSError, ValueError) as error:
        raise UnreadableImageError(path, f"a damaged plane {key} ({error})") from error
    planes = [_read_array(path, one) for one in keys]
    return np.stack(planes, axis=-1) if result.coloured else planes[0]


def _read_array(path: Path, key: tuple[int, ...]) -> Pixels:
    with extra("zarr", needs="OME-NGFF"):
        import zarr
    try:
        array = zarr.open_array(path, mode="r")
        _check_codecs((*array.filters, *array.compressors))
        _check_files(path, array, key)
        return np.asarray(array[key])
    except Exception as error:  # a broken store makes zarr and its codecs stumble in any way
        raise UnreadableImageError(path, f"{type(error).__name__} ({error})") from error


def _check_codecs(codecs: Sequence[object]) -> None:
    names = {getattr(codec, "codec_id", "") for codec in codecs}
    if found := names & CODECS_OF_OBJECTS:
        raise ValueError(f"wanted codecs of pixels, found {', '.join(sorted(found))}")


def _check_files(path: Path, array: Any, key: tuple[int, ...]) -> None:
    """Refuse a plane of which a chunk is no plain file: a pipe makes its reader wait."""
    sides = array.shards or array.chunks
    first = [index // side for index, side in zip(key, sides, strict=False)]
    counts = [-(-array.shape[axis] // sides[axis]) for axis in range(len(key), array.ndim)]
    if prod(counts) > MOST_CHUNKS:
        raise ValueError(f"wanted at most {MOST_CHUNKS} chunks in a plane, found {prod(counts)}")
    for last in product(*map(range, counts)):
        file = path / array.metadata.encode_chunk_key((*first, *last))
        if not file.is_file() and file.exists():
            raise ValueError(f"wanted a plain file of pixels, found {str(file)!r}")


def _read_picture(path: Path) -> Pixels:
    with extra("imageio", needs="PNG and JPEG"):
        import imageio.v3 as imageio
    try:
        return imageio.imread(path.read_bytes(), plugin="pillow", extension=path.suffix.lower())
    except Exception as error:  # its plugins raise what they like
        raise UnreadableImageError(path, f"{type(error).__name__} ({error})") from error
