"""Open a plate: every image below a folder, with its address."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import msgspec

from hcs_protocol import natural_key

from ._errors import NoImagesError, NotAPlateFolderError, PlateNotFoundError, UnknownFileNameError
from ._htd import channel_names
from ._image_file import ImageFile
from ._imagexpress import is_thumbnail, parse_imagexpress


class Plate(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of images of which each has its address."""

    name: str
    """The plate's name in the file names; the folder's where they disagree or say none."""
    images: tuple[ImageFile, ...]
    """In natural order of plate, well, site, channel, z_index, timepoint."""
    skipped: dict[str, tuple[Path, ...]]
    """Files left out on purpose: ``"thumbs"``, ``"hidden"`` and ``"other"`` (not TIFF)."""
    unparsed: tuple[Path, ...]
    """TIFF files whose names no grammar knows."""


def open_plate(folder: Path | str) -> Plate:
    """Find every image below a folder and read its address from its name.

    No pixel is read. A name that no grammar knows is no error: see ``Plate.unparsed``.

    Raises:
        NoImagesError: No TIFF file is below the folder.
        NotAPlateFolderError: The path leads to a file.
        PlateNotFoundError: Nothing is at the path.
    """
    root = Path(folder)
    _check_is_folder(root)
    return _sort_out(root, sorted(_files_below(root), key=_by_path))


def _check_is_folder(root: Path) -> None:
    if not root.exists():
        raise PlateNotFoundError(root)
    if not root.is_dir():
        raise NotAPlateFolderError(root)


def _files_below(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root, onerror=_give_up):
        for name in names:
            yield Path(folder, name)


def _give_up(error: OSError) -> NoReturn:
    raise error  # os.walk would leave out a folder that it may not read, and say nothing


def _by_path(path: Path) -> tuple[object, Path]:
    return natural_key(path), path


def _sort_out(root: Path, paths: list[Path]) -> Plate:
    images: list[ImageFile] = []
    unparsed: list[Path] = []
    skipped: dict[str, list[Path]] = {"thumbs": [], "hidden": [], "other": []}
    for path in paths:
        if reason := _reason_to_skip(path, root):
            skipped[reason].append(path)
        elif image := _parse(path, root):
            images.append(image)
        else:
            unparsed.append(path)
    names = channel_names(skipped["other"])
    images = [_with_channel_name(image, names) for image in images]
    if not (images or unparsed or skipped["thumbs"]):
        raise NoImagesError(root, len(paths))
    return Plate(
        name=_name({image.plate for image in images}, root),
        images=tuple(sorted(images, key=_address)),
        skipped={reason: tuple(paths) for reason, paths in skipped.items()},
        unparsed=tuple(unparsed),
    )


def _reason_to_skip(path: Path, root: Path) -> str | None:
    if any(part.startswith(".") for part in path.relative_to(root).parts):
        return "hidden"  # such as macOS's `._Plate_A01.tif`, which is no image
    if path.suffix.lower() not in (".tif", ".tiff"):
        return "other"
    return "thumbs" if is_thumbnail(path) else None


def _parse(path: Path, root: Path) -> ImageFile | None:
    try:
        return parse_imagexpress(path, root)
    except UnknownFileNameError:
        return None


def _with_channel_name(image: ImageFile, names: dict[str, str]) -> ImageFile:
    return msgspec.structs.replace(image, channel=names.get(image.channel, image.channel))


def _name(names: set[str], root: Path) -> str:
    return names.pop() if len(names) == 1 else root.resolve().name


def _address(image: ImageFile) -> tuple[object, ...]:
    parts = (image.plate, image.well, image.site, image.channel, image.z_index, image.timepoint)
    return tuple(natural_key(part) for part in parts)
