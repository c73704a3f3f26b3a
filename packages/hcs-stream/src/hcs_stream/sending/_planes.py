"""The planes of an image on disk: one as a rule, all of a stack that one file holds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from hcs_stream._addresses import ImageKeywords
from hcs_stream.microscopes import ImageFile, UnreadableImageError, read_image
from hcs_stream.microscopes._read import count_planes, read_pages
from hcs_stream.microscopes._tiff import has_channels, open_tiff

from . import _micro_manager as micro_manager
from . import _ome_set as ome_set
from ._found_images import TIFF, FoundImage
from ._printable import readable

Pixels: TypeAlias = npt.NDArray[Any]
Plane = tuple[Pixels, ImageKeywords]

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


class PlaneOnDisk(NamedTuple):
    """A plane of a file that has several."""

    keywords: ImageKeywords
    """What `Stream.send` is told about it."""
    read: Callable[[], Pixels]
    """Reads its pixels, which may be an `UnreadableImageError`."""
    page: ImageFile | None = None
    """The page of the file that it is, if it is one."""


def read_planes(
    image: FoundImage, accepts: Callable[[FoundImage, ImageKeywords], bool] = lambda *_: True
) -> Iterator[Plane]:
    """Yield the planes of an image, each with all that `Stream.send` is told about it.

    Those of one file are counted from 1, along what the file says its axes are, and read one by one.

    Args:
        image: On disk.
        accepts: Says of each plane of a file that has several whether it is read.

    Raises:
        UnreadableImageError: As `read_image`, for the first plane at once.
    """
    try:
        pixels = read_image(image.file)
    except UnreadableImageError:
        if not (planes := planes_on_disk(image)):
            raise
        return _read(image.file.path, [plane for plane in planes if accepts(image, plane.keywords)])
    keywords: ImageKeywords = {**image.keywords, **_where(image.file)}
    if pixels.ndim == 3:
        keywords["axes"] = "yxc"
    return iter([(pixels, keywords)])


def _read(path: Path, planes: Sequence[PlaneOnDisk]) -> Iterator[Plane]:
    pages = [plane.page for plane in planes if plane.page]
    each = read_pages(path, pages) if pages else (plane.read() for plane in planes)
    for plane, pixels in zip(planes, each, strict=True):
        yield pixels, {**plane.keywords, **_colours(pixels)}


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


def planes_on_disk(image: FoundImage) -> Sequence[PlaneOnDisk]:
    """Return the planes of a file that has several, as `read_planes` yields them, and read none.

    Of what is one image, or cannot be read, there are none: `read_image` takes it, or says what is wrong.
    """
    if image.file.key or not _is_tiff(image.file):
        return ()
    try:
        with open_tiff(image.file.path) as file:
            first = file.series[0]
            is_multichannel, series = has_channels(first.keyframe), SITES if file.is_ome else IN_SERIES
            if count_planes(file) <= 1 and not is_multichannel:
                return ()
            alike = [one for one in file.series if (one.shape, one.dtype) == (first.shape, first.dtype)]
            axes, shape = first.axes, first.shape
            places = [] if is_multichannel else micro_manager.places_of(file) or ome_set.places_of(file)
            pages = [page.index if page is not None else None for one in alike for page in one.pages]
    except Exception:  # a broken file makes tifffile stumble in any way
        return ()
    if places:
        lengths = micro_manager.lengths_of(places)
        return _each_page(image, micro_manager.AXES, lengths, places, range(len(places)))
    if is_multichannel:
        return _each_sample(image, axes, shape) if len(alike) == 1 and "C" not in axes else ()
    leading = "".join(axis for axis in axes if axis not in "YXS")
    if not axes.startswith(leading):
        return ()
    lengths = shape[: len(leading)]
    if len(alike) > 1:  # written one by one, as if each were an image of its own
        leading, lengths = f"{series}{leading}", (len(alike), *lengths)
    return _each(image, leading, lengths, pages) if leading else ()


def _each_sample(image: FoundImage, axes: str, shape: tuple[int, ...]) -> Sequence[PlaneOnDisk]:
    """Return the planes of a file whose pixels have a value for each channel."""
    leading = "".join(axis for axis in axes if axis not in "YX")
    order = [axes.index(axis) for axis in f"{leading}YX"]
    lengths = tuple(shape[place] for place in order[:-2])
    whole = _Whole(image.file.path, shape, order)
    return _of_whole(image, leading.replace("S", "C"), lengths, whole)


def _each(
    image: FoundImage, axes: str, lengths: tuple[int, ...], pages: list[int | None]
) -> Sequence[PlaneOnDisk]:
    places = list(product(*map(range, lengths)))
    if len(pages) != len(places) or None in pages:
        return _of_whole(image, axes, lengths, _Whole(image.file.path, lengths))
    return _each_page(image, axes, lengths, places, pages)


def _each_page(
    image: FoundImage,
    axes: str,
    lengths: tuple[int, ...],
    places: Sequence[tuple[int, ...]],
    pages: Sequence[int | None],
) -> Sequence[PlaneOnDisk]:
    planes: list[PlaneOnDisk] = []
    for number, place in zip(pages, places, strict=True):
        page = msgspec.structs.replace(image.file, key=(number,))
        keywords: ImageKeywords = {**image.keywords, **_numbers(image.keywords, axes, lengths, place)}
        planes.append(PlaneOnDisk({**keywords, **_where(page)}, partial(read_image, page), page))
    return planes


def _of_whole(
    image: FoundImage, axes: str, lengths: tuple[int, ...], whole: "_Whole"
) -> Sequence[PlaneOnDisk]:
    planes: list[PlaneOnDisk] = []
    for place in product(*map(range, lengths)):
        keywords: ImageKeywords = {**image.keywords, **_numbers(image.keywords, axes, lengths, place)}
        planes.append(PlaneOnDisk(keywords, partial(whole.plane, place)))
    return planes


def _colours(pixels: npt.NDArray[Any]) -> ImageKeywords:
    return {"axes": "yxc"} if pixels.ndim > 2 else {}


class _Whole:
    """A file whose planes are no pages of their own: read for the first of them, kept until the last."""

    def __init__(self, path: Path, lengths: tuple[int, ...], order: Sequence[int] = ()) -> None:
        """Read nothing yet.

        Args:
            path: The file.
            lengths: Of its first axes, or of all.
            order: In which its axes are wanted, if that is another one.
        """
        self._path = path
        self._lengths = lengths
        self._order = order
        self._pixels: Pixels | None = None
        self._left: set[tuple[int, ...]] = set()

    def plane(self, place: tuple[int, ...]) -> Pixels:
        """Return one plane."""
        if self._pixels is None:
            self._pixels = self._read()
            self._left = {*product(*map(range, self._pixels.shape[: len(place)]))}
        pixels: Pixels = self._pixels[place]
        self._left.discard(place)
        if not self._left:
            self._pixels = None
        return pixels

    def _read(self) -> Pixels:
        try:
            with open_tiff(self._path) as file:
                pixels = file.asarray()
            pixels = pixels.reshape(*self._lengths, *pixels.shape[len(self._lengths) :])
        except Exception as error:  # a broken file makes tifffile stumble in any way
            raise UnreadableImageError(self._path, f"{type(error).__name__} ({error})") from error
        return pixels.transpose(self._order) if self._order else pixels


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
