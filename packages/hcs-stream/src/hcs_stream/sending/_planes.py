"""The planes of an image on disk: one as a rule, all of a stack that one file holds."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from hcs_stream._addresses import ImageKeywords
from hcs_stream.microscopes import ImageFile, UnreadableImageError, read_image

from ._found_images import TIFF, FoundImage
from ._printable import readable

Plane = tuple[npt.NDArray[Any], ImageKeywords]

OWN_AXES = {"Z": "z_index", "C": "channel", "T": "timepoint"}
IN_A_ROW = ("z_index", "timepoint", "site")
"""What an axis that the file does not name is taken for: the first that the image has not."""


def read_planes(image: FoundImage) -> Iterator[Plane]:
    """Yield the planes of an image, each with all that `Stream.send` is told about it.

    Those of one file are counted from 1, along what the file says its axes are, and read one by one.

    Raises:
        UnreadableImageError: As `read_image`, for the first plane at once.
    """
    try:
        pixels = read_image(image.file)
    except UnreadableImageError:
        if image.file.key or not _is_tiff(image.file) or not (planes := _planes_of_stack(image)):
            raise
        return planes
    keywords: ImageKeywords = {**image.keywords, **_where(image.file)}
    if pixels.ndim == 3:
        keywords["axes"] = "yxc"
    return iter([(pixels, keywords)])


def _where(file: ImageFile) -> ImageKeywords:
    """Return in which file the viewer finds a plane again; nothing if it cannot read such."""
    if readable(str(file.path)) != str(file.path):
        return {}  # messages are Unicode
    if _is_tiff(file):
        return {"file": file.path, "page": file.key[0] if file.key else 0}
    return _chunk(file) if file.key and file.path.is_dir() else {}


def _chunk(file: ImageFile) -> ImageKeywords:
    """Return the chunk of an OME-NGFF array in which a plane begins, and which plane of the chunk it is."""
    import zarr  # optional; it has just read the plane

    array: Any = zarr.open_array(file.path, mode="r")
    sides = (array.shards or array.chunks)[: len(file.key)]
    chunk = [index // side for index, side in zip(file.key, sides, strict=True)]
    within = [index % side for index, side in zip(file.key, sides, strict=True)]
    name = array.metadata.encode_chunk_key((*chunk, *[0] * (array.ndim - len(chunk))))
    return {"file": file.path / name, "page": int(np.ravel_multi_index(within, sides))}


def _is_tiff(file: ImageFile) -> bool:
    return file.path.suffix.lower() in TIFF


def _planes_of_stack(image: FoundImage) -> Iterator[Plane] | None:
    import tifffile  # takes a while to import, and `hcs-stream viewers` does without

    path = image.file.path
    try:
        with tifffile.TiffFile(path, _multifile=False) as file:
            series = file.series[0]
            axes, shape = series.axes, series.shape
            lies_in_pages = [page.index if page is not None else None for page in series.pages]
    except Exception:  # a broken file makes tifffile stumble in any way
        return None
    leading = "".join(axis for axis in axes if axis not in "YXS")
    if not leading or not axes.startswith(leading):
        return None
    return _each(image, leading, shape[: len(leading)], lies_in_pages)


def _each(image: FoundImage, axes: str, lengths: tuple[int, ...], pages: list[int | None]) -> Iterator[Plane]:
    import tifffile

    places = list(product(*map(range, lengths)))
    by_page = len(pages) == len(places)
    whole = None if by_page else tifffile.imread(image.file.path)
    for place, page in zip(places, pages if by_page else [None] * len(places), strict=True):
        keywords: ImageKeywords = {**image.keywords, **_numbers(image.keywords, axes, lengths, place)}
        if page is None:
            pixels = tifffile.imread(image.file.path)[place] if whole is None else whole[place]
            yield pixels, keywords
        else:
            yield (
                tifffile.imread(image.file.path, key=page),
                {**keywords, "file": image.file.path, "page": page},
            )


def _numbers(
    known: ImageKeywords, axes: str, lengths: tuple[int, ...], place: tuple[int, ...]
) -> ImageKeywords:
    """Return the components along a stack's axes, counted from 1."""
    numbers: dict[str, object] = {}
    for axis, length, index in zip(axes, lengths, place, strict=True):
        free = [name for name in IN_A_ROW if known.get(name) is None and name not in numbers]
        component = OWN_AXES.get(axis) or (free[0] if free else None)
        if length > 1 and component:
            numbers[component] = str(index + 1) if component == "channel" else index + 1
    return numbers  # type: ignore[return-value]  # its names are those of components
