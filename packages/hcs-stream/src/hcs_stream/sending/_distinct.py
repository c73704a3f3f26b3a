"""Addresses of their own for images from several places, so that none takes another's place in a viewer."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from hcs_protocol import COMPONENTS

from ._found_images import FoundImage
from ._printable import readable


class Name(NamedTuple):
    """After what an image of no plate is called."""

    path: Path
    """Its file, or the store in which it is."""
    part: str = ""
    """Which it is of several in there."""


class Placed(msgspec.Struct, frozen=True, gc=False):
    """An image, and the folder of its plate; None for an image of no plate."""

    image: FoundImage
    folder: Path | None
    name: Name | None = None
    """Of an image of no plate; by default its file's."""


class LooseNames:
    """Names for images of no plate: by their file's, and as much of its path as no other has."""

    def __init__(self) -> None:
        self._owners: dict[str, Name] = {}

    def name(self, path: Path, part: str = "") -> str:
        """Return an image's name, the same each time; with what stands behind it, such as ``" (0)"``."""
        owner = Name(Path(os.path.abspath(path)), readable(part))
        first = self._owners.setdefault(f"{_stem(path)}{owner.part}", owner)
        names = (f"{name}{owner.part}" for name in _names(owner.path, first.path))
        free = (name for name in names if self._owners.setdefault(name, owner) == owner)
        return next(free, f"{readable(owner.path.as_posix())}{owner.part}")


def once(placed: Sequence[Placed]) -> list[Placed]:
    """Return each image once: the last of those that are one plane of one file, at the place of the first."""
    found: dict[tuple[str, tuple[int, ...]], Placed] = {}
    for each in placed:
        found[os.path.abspath(each.image.file.path), each.image.file.key] = each
    return list(found.values())


def told_apart(placed: Sequence[Placed]) -> list[FoundImage]:
    """Return images of which no two have one address.

    Plates of one name in several folders have as much of their folder beside it as tells them apart, if their
    images would get mixed up; images of no plate as `LooseNames` says.
    """
    loose = LooseNames()
    placed = _side_by_side(placed)
    plates = _plates(placed)
    images: list[FoundImage] = []
    for image, folder, name in ((each.image, each.folder, each.name) for each in placed):
        if folder is None:
            images.append(_said(image, "site", loose.name(*(name or Name(image.file.path)))))
        else:
            plate = image.keywords.get("plate")
            images.append(_said(image, "plate", plates.get((folder, plate), plate)))
    return images


def _side_by_side(placed: Sequence[Placed]) -> list[Placed]:
    """Take results for one plate if they lie side by side; of copies of a step, the one of shortest name."""
    stores: dict[tuple[object, ...], set[Path]] = {}
    for each in placed:
        if each.folder is not None and each.image.file.result:
            stores.setdefault(_made_of(each.folder, each.image), set()).add(each.folder)
    first = {min(found, key=lambda store: (len(store.name), store.name)) for found in stores.values()}
    return [
        Placed(each.image, each.folder.parent) if each.folder is not None and each.folder in first else each
        for each in placed
    ]


def _made_of(store: Path, image: FoundImage) -> tuple[object, ...]:
    return store.parent, image.keywords.get("plate"), image.keywords.get("step")


def _plates(placed: Sequence[Placed]) -> dict[tuple[Path, object], str]:
    """Return new names of plates, by their folder and the name that another one has as well."""
    folders = {each.folder for each in placed} - {None}
    if len(folders) < 2:
        return {}
    owners: dict[tuple[object, ...], Path] = {}
    taken = {each.image.keywords.get("plate") for each in placed}
    renamed: dict[tuple[Path, object], str] = {}
    for image, folder in ((each.image, each.folder) for each in placed):
        if folder is None:
            continue
        address = tuple(image.keywords.get(part) for part in (*COMPONENTS, "step", "kind"))
        plate = image.keywords.get("plate")
        if owners.setdefault(address, folder) != folder and (folder, plate) not in renamed:
            tails = (tail for tail in _tails(Path(os.path.abspath(folder))) if tail != plate)
            names = (f"{plate} ({tail})" for tail in tails)
            renamed[folder, plate] = next(name for name in names if name not in taken)
            taken.add(renamed[folder, plate])
    return renamed


def _names(path: Path, first: Path) -> Iterator[str]:
    """Yield what an image may be called of which another one may have the same stem."""
    yield _stem(path)
    if first.parent == path.parent:
        yield readable(path.name)
    yield from _tails(path.with_name(_stem(path)))
    yield from _tails(path)


def _stem(path: Path) -> str:
    """Return a file's name without its ending, which is ``.ome.zarr`` of some stores."""
    return readable(path.stem.removesuffix(".ome") if path.suffix.lower() == ".zarr" else path.stem)


def _tails(path: Path) -> Iterator[str]:
    """Yield the end of a path, longer each time: ``"b"``, ``"a/b"``."""
    parts = path.parts[1:]
    for start in reversed(range(len(parts))):
        yield readable("/".join(parts[start:]))


def _said(image: FoundImage, component: str, value: object) -> FoundImage:
    if image.keywords.get(component) == value:
        return image
    keywords = {**image.keywords, component: value}
    return msgspec.structs.replace(image, keywords=keywords)
