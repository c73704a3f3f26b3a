"""Images on their way to a plate: some names at a time are written down there, then their pixels."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hcs_protocol import HcsError, Kind

from ._backend import Pixels, Reference
from ._pixels import check_described, host_pixels, is_coloured
from ._zarr_arrays import ArrayOptions
from ._zarr_loose import has_loose, loose_folder, remove_loose, write_loose
from ._zarr_names import Found, claim, forget, named
from ._zarr_paths import PlatePath
from ._zarr_places import Plane
from ._zarr_plate import ZarrPlate

TOGETHER = 16
"""The names of so many images are written down at once; their pixels are in memory meanwhile."""


class UnsavedImage(NamedTuple):
    """An image that is to be written."""

    plate: ZarrPlate
    at: PlatePath
    pixels: Pixels
    planes: Sequence[Plane]
    wanted: Found | None
    """Its place on the plate; None if it has none."""
    before: Sequence[Found]
    """Where the same name lies already."""


def prepared(
    plate: ZarrPlate, at: PlatePath, image: object, kind: Kind, says: Mapping[str, Any]
) -> UnsavedImage:
    """Return an image with the planes that it would have on its plate; nobody keeps others from them yet.

    Raises:
        InvalidComponentError: A length, or the name of a colour, cannot be.
        UnsafePathError: zarr has files of that name, or hides it.
        UnsupportedArrayError: It is no image, or not what is said of it.
    """
    pixels = host_pixels(image)
    check_described(pixels, kind=kind, **says)
    loose_folder(at.plate, at.name)  # refuses names that could not be found again
    if at.place is None:
        return UnsavedImage(plate, at, pixels, (), None, ())
    plate.learn(at.place, **says)
    planes, written = plate.reserve(at.place, pixels, kind=kind)
    before = list(named(plate, at.place, at.name))
    return UnsavedImage(plate, at, pixels, planes, Found(at.place, written), before)


def together(images: Iterator[UnsavedImage]) -> Iterator[list[UnsavedImage]]:
    """Yield some images at a time; if one is none, those before it are still yielded."""
    some: list[UnsavedImage] = []
    try:
        for image in images:
            some.append(image)
            if len(some) == TOGETHER:
                yield some
                some = []
    except HcsError:
        yield some
        raise
    yield some


def write_several(images: Sequence[UnsavedImage], kind: Kind, layout: ArrayOptions) -> list[Reference]:
    """Write images and return the files of planes; whose place belongs to another name has none.

    Raises:
        StorageWriteError: There is no room, or no permission; those before it are written.
    """
    wanted: dict[ZarrPlate, dict[str, Found]] = {}
    for image in images:
        if image.wanted is not None:
            wanted.setdefault(image.plate, {})[image.at.name] = image.wanted
    got = {plate: claim(plate, founds) for plate, founds in wanted.items()}
    return [
        _write_on_plate(image, image.wanted)
        if image.wanted is not None and image.at.name in got[image.plate]
        else _write_beside(image, kind, layout)
        for image in images
    ]


def _write_on_plate(image: UnsavedImage, found: Found) -> Reference:
    plate, at = image.plate, image.at
    written = plate.write_at(found.place, image.planes, found.written)
    if has_loose(at.plate, at.name):
        remove_loose(at.plate, at.name)
    for older in image.before:
        if not found.is_where(older):
            forget(plate, at.name, older)  # the same name had another dtype or size
    return written.reference


def _write_beside(image: UnsavedImage, kind: Kind, layout: ArrayOptions) -> Reference:
    plate, at = image.plate, image.at
    coloured = is_coloured(image.pixels, kind)
    write_loose(plate.folder, plate.version, at.name, image.pixels, layout, coloured=coloured)
    for older in image.before:
        forget(plate, at.name, older)
    return None
