"""The planes of an image on disk: one as a rule, all of a stack that one file holds."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from hcs_stream._addresses import ImageKeywords
from hcs_stream.microscopes import ImageFile, UnreadableImageError, read_image
from hcs_stream.microscopes._tiff import has_channels, open_tiff

from . import _micro_manager as micro_manager
from . import _ome_set as ome_set
from ._found_images import TIFF, FoundImage
from ._printable import readable

Plane = tuple[npt.NDArray[Any], ImageKeywords]

SITES = "R"
"""The axis along which a file has several positions: the images of OME, which has no axis for them."""
OWN_AXES = {"Z": "z_index", "T": "timepoint", SITES: "site"}
WORDS = {"C": "channel", "Z": "z", "T": "timepoint", SITES: "site"}
IN_SERIES = "I"
"""The axis along which any other file has several images of one kind."""
ONLY_CHANNEL = "1"
"""What grammars call the channel of a name that says none."""
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
    is_one_plane = file.key and not (file.result and file.result.coloured)
    return _chunk(file) if is_one_plane and file.path.is_dir() else {}


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
    try:
        with open_tiff(image.file.path) as file:
            first = file.series[0]
            alike = [one for one in file.series if (one.shape, one.dtype) == (first.shape, first.dtype)]
            axes, shape = first.axes, first.shape
            is_multichannel, series = has_channels(first.keyframe), SITES if file.is_ome else IN_SERIES
            places = [] if is_multichannel else micro_manager.places_of(file) or ome_set.places_of(file)
            pages = [page.index if page is not None else None for one in alike for page in one.pages]
    except Exception:  # a broken file makes tifffile stumble in any way
        return None
    if places:
        lengths = micro_manager.lengths_of(places)
        return _each_page(image, micro_manager.AXES, lengths, places, range(len(places)))
    if is_multichannel:
        return _each_sample(image, axes, shape) if len(alike) == 1 and "C" not in axes else None
    leading = "".join(axis for axis in axes if axis not in "YXS")
    if not axes.startswith(leading):
        return None
    lengths = shape[: len(leading)]
    if len(alike) > 1:  # written one by one, as if each were an image of its own
        leading, lengths = f"{series}{leading}", (len(alike), *lengths)
    return _each(image, leading, lengths, pages) if leading else None


def _each_sample(image: FoundImage, axes: str, shape: tuple[int, ...]) -> Iterator[Plane]:
    """Yield the planes of a file whose pixels have a value for each channel."""
    leading = "".join(axis for axis in axes if axis not in "YX")
    order = [axes.index(axis) for axis in f"{leading}YX"]
    lengths = tuple(shape[place] for place in order[:-2])
    whole = _whole(image.file.path, shape).transpose(order)
    return _of_whole(image, leading.replace("S", "C"), lengths, whole)


def _each(image: FoundImage, axes: str, lengths: tuple[int, ...], pages: list[int | None]) -> Iterator[Plane]:
    places = list(product(*map(range, lengths)))
    if len(pages) != len(places) or None in pages:
        yield from _of_whole(image, axes, lengths, _whole(image.file.path, lengths))
        return
    yield from _each_page(image, axes, lengths, places, pages)


def _each_page(
    image: FoundImage,
    axes: str,
    lengths: tuple[int, ...],
    places: Sequence[tuple[int, ...]],
    pages: Sequence[int | None],
) -> Iterator[Plane]:
    for number, place in zip(pages, places, strict=True):
        page = msgspec.structs.replace(image.file, key=(number,))
        pixels = read_image(page)
        keywords: ImageKeywords = {**image.keywords, **_numbers(image.keywords, axes, lengths, place)}
        yield pixels, {**keywords, **_where(page), **_colours(pixels)}


def _of_whole(
    image: FoundImage, axes: str, lengths: tuple[int, ...], whole: npt.NDArray[Any]
) -> Iterator[Plane]:
    for place in product(*map(range, lengths)):
        keywords: ImageKeywords = {**image.keywords, **_numbers(image.keywords, axes, lengths, place)}
        yield whole[place], {**keywords, **_colours(whole[place])}


def _colours(pixels: npt.NDArray[Any]) -> ImageKeywords:
    return {"axes": "yxc"} if pixels.ndim > 2 else {}


def _whole(path: Path, lengths: tuple[int, ...]) -> npt.NDArray[Any]:
    """Read a file whose planes are no pages of their own."""
    try:
        with open_tiff(path) as file:
            pixels = file.asarray()
        return pixels.reshape(*lengths, *pixels.shape[len(lengths) :])
    except Exception as error:  # a broken file makes tifffile stumble in any way
        raise UnreadableImageError(path, f"{type(error).__name__} ({error})") from error


def _numbers(
    known: ImageKeywords, axes: str, lengths: tuple[int, ...], place: tuple[int, ...]
) -> ImageKeywords:
    """Return the components along a stack's axes, counted from 1.

    What the file's name says already is not said anew: such an axis is part of the channel's name.
    """
    numbers: dict[str, object] = {}
    channel = str(known.get("channel") or "")
    details: list[str] = []
    for axis, length, index in zip(axes, lengths, place, strict=True):
        component = _component(axis, axes, known, numbers)
        if length > 1 and axis == SITES and "well" not in known:
            if index:  # the first keeps the name, which the viewer was told before
                numbers["site"] = f"{known.get('site')} (site {index + 1})"
        elif length > 1 and component == "channel" and channel in ("", ONLY_CHANNEL):
            channel = str(index + 1)
        elif length > 1 and component in (None, "channel"):
            details.append(f"{WORDS.get(axis, 'plane')} {index + 1}")
        elif length > 1 and component is not None:
            numbers[component] = index + 1
    named = f"{channel} ({', '.join(details)})" if channel and details else channel or ", ".join(details)
    if named:
        numbers["channel"] = named
    return numbers  # type: ignore[return-value]  # its names are those of components


def _component(axis: str, axes: str, known: ImageKeywords, numbers: Mapping[str, object]) -> str | None:
    """Return what an axis is taken for; None where the image has that already."""
    if axis == "C":
        return "channel"
    free = [name for name in IN_A_ROW if known.get(name) is None and name not in numbers]
    if axis in OWN_AXES:
        return OWN_AXES[axis] if OWN_AXES[axis] in free else None
    named = {OWN_AXES.get(other) for other in axes}
    return next((name for name in free if name not in named), None)
