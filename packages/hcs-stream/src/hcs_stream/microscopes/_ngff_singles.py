"""OME-NGFF images of no plate: a store of its own each, or several in the layout of bioformats2raw."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hcs_protocol import natural_key

from ._folders import folders_in
from ._ngff_image import NgffImage, ngff_image
from ._ngff_metadata import Metadata, below, read_group
from ._ngff_results import LABELS

DEEPEST = 5
"""So far below a plate's group is that of labels: row, well, image, ``labels``, their name."""


class SingleImage(msgspec.Struct, frozen=True):
    """An image of no plate, or labels of one."""

    image: NgffImage
    named: Path
    """The store after which it is called."""
    series: str = ""
    """Which of several images in this store it is."""
    labels: str = ""
    """The name of the labels, if it is such: they have the place of their image."""


def is_single(store: Path) -> bool:
    """Say whether a store says that it is an image, or several, of no plate; what is unreadable is none."""
    try:
        said = _said_by(store)
        return said.is_image or (said.plate is None and _is_converted(store, said))
    except (OSError, ValueError):
        return False


def single_images(store: Path, unreadable: dict[Path, str]) -> Iterator[SingleImage]:
    """Yield the images of a store; note those that cannot be read, and why.

    Args:
        store: For which `is_single` holds.
        unreadable: To be added to.
    """
    try:
        said = _said_by(store)
        paths = [""] if said.is_image else _series(store)
    except (OSError, ValueError) as error:
        unreadable[store] = str(error)
        return
    for path in paths:
        try:
            folder = below(store, path)
            image = ngff_image(folder, read_group(folder))
        except (OSError, ValueError) as error:
            unreadable[store / path.strip("/")] = str(error)
        else:
            series = path.strip("/") if len(paths) > 1 else ""
            yield _named(store, image) if said.is_image else SingleImage(image, store, series)


def plate_above(folder: Path) -> Path | None:
    """Return the store of the plate in which a well, an image or labels of one lie; None if it is in none."""
    for above in Path(os.path.abspath(folder)).parents[:DEEPEST]:
        try:
            if read_group(above).plate:
                return above
        except (OSError, ValueError):
            continue
    return None


def _said_by(store: Path) -> Metadata:
    try:
        return read_group(store)
    except FileNotFoundError:  # a group of version 2 that says nothing
        return Metadata({})


def _is_converted(store: Path, said: Metadata) -> bool:
    """Say whether bioformats2raw made a store."""
    return said.is_converted or (store / "OME" / "METADATA.ome.xml").is_file()


def _series(store: Path) -> list[str]:
    """Return where a store's images are: as it says it, else those that are called by numbers."""
    if said := _said_by(store / "OME").series:
        return said
    found = [folder.name for folder in folders_in(store) if folder.name.isdecimal()]
    if not found:
        raise ValueError("wanted images that are called by numbers, found none")
    return sorted(found, key=natural_key)


def _named(folder: Path, image: NgffImage) -> SingleImage:
    """Return an image with the name of its own, or that of the image of which it is labels."""
    whole = Path(os.path.abspath(folder))
    if whole.parent.name == LABELS and is_single(whole.parents[1]):
        of = _named(whole.parents[1], image)
        return SingleImage(image, of.named, of.series, whole.name)
    if whole.name.isdecimal() and whole.parent.suffix.lower() == ".zarr":
        return SingleImage(image, whole.parent, whole.name)
    return SingleImage(image, whole)
