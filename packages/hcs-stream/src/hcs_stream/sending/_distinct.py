"""Addresses of their own for images from several places, so that none takes another's place in a viewer."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from hcs_protocol import COMPONENTS

from ._found_images import FoundImage
from ._printable import readable


class Placed(msgspec.Struct, frozen=True, gc=False):
    """An image, and the folder of its plate; None for an image of no plate."""

    image: FoundImage
    folder: Path | None


class LooseNames:
    """Names for images of no plate: by their file's, and as much of its path as no other has."""

    def __init__(self) -> None:
        self._paths: dict[str, Path] = {}

    def name(self, path: Path) -> str:
        """Return an image's name, the same each time."""
        whole = Path(os.path.abspath(path))
        first = self._paths.setdefault(readable(path.stem), whole)
        free = (name for name in _names(whole, first) if self._paths.setdefault(name, whole) == whole)
        return next(free, readable(whole.as_posix()))


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
    for image, folder in ((each.image, each.folder) for each in placed):
        if folder is None:
            images.append(_said(image, "site", loose.name(image.file.path)))
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
    yield readable(path.stem)
    if first.parent == path.parent:
        yield readable(path.name)
    yield from _tails(path.with_suffix(""))
    yield from _tails(path)


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
