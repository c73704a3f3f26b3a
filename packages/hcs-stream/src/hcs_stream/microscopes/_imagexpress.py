"""ImageXpress: file names of the database store and of exported plates."""

import re
from pathlib import Path

import msgspec

from hcs_protocol import normalise_well

from ._errors import UnknownFileNameError, UnnameableImageError
from ._image_file import ImageFile

GRAMMAR = "ImageXpress"

# The database store's GUID follows the channel's digits without a break; its length is fixed,
# so `w2045200D6-…` is channel 2 and `w12045200D6-…` channel 12.
_NAME = re.compile(
    r"""
    (?P<plate>.+?)
    _(?P<well>[A-Z]{1,2}[0-9]{1,3})
    (?:_s(?P<site>[0-9]+))?
    (?:_w(?P<channel>[0-9]+))?
    (?P<thumb>_(?i:thumb))?
    (?:[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12})?
    \.(?i:tiff?)
    """,
    re.VERBOSE,
)


def parse_imagexpress(path: Path, root: Path) -> ImageFile:
    """Read an image's address from its file name and from the folders up to ``root``.

    Without ``_s`` the site is 1 and without ``_w`` the channel is ``"1"``: single-site and
    single-channel plates leave them out.

    Args:
        path: The image, below ``root``.
        root: The plate's folder; its own name may be ``ZStep_n`` or ``TimePoint_n`` too.

    Raises:
        UnknownFileNameError: The name is none of ImageXpress, or a thumbnail's.
    """
    name = _NAME.fullmatch(path.name)
    if name is None or name["thumb"]:
        raise UnknownFileNameError(path.name, (GRAMMAR,))
    folders = (root.name, *path.relative_to(root).parts[:-1])
    return ImageFile(
        path=path,
        plate=name["plate"],
        well=_well(name["well"], path.name),
        site=int(name["site"] or 1),
        channel=str(int(name["channel"] or 1)),
        z_index=_number("ZStep", folders),
        timepoint=_number("TimePoint", folders),
    )


def format_imagexpress(image: ImageFile) -> Path:
    """Name an image as an exported plate does, relative to the plate's folder.

    The image's own ``path`` plays no part.

    Raises:
        UnnameableImageError: The name would not read back as the same image, for example
            because the channel is not a number.
    """
    folders = [f"{prefix}_{number}" for prefix, number in _numbered(image) if number is not None]
    path = Path(*folders, f"{image.plate}_{image.well}_s{image.site}_w{image.channel}.TIF")
    if not _reads_back(path, image):
        raise UnnameableImageError(path.name, GRAMMAR)
    return path


def is_thumbnail(path: Path) -> bool:
    """Tell whether ImageXpress wrote this file as the small preview of another."""
    name = _NAME.fullmatch(path.name)
    return name is not None and name["thumb"] is not None


def _well(text: str, file_name: str) -> str:
    try:
        return normalise_well(text)
    except ValueError as error:
        raise UnknownFileNameError(file_name, (GRAMMAR,)) from error


def _number(prefix: str, folders: tuple[str, ...]) -> int | None:
    for folder in reversed(folders):
        if match := re.fullmatch(rf"{prefix}_([0-9]+)", folder, re.IGNORECASE):
            return int(match[1])
    return None


def _numbered(image: ImageFile) -> tuple[tuple[str, int | None], ...]:
    return ("TimePoint", image.timepoint), ("ZStep", image.z_index)


def _reads_back(path: Path, image: ImageFile) -> bool:
    try:
        return parse_imagexpress(path, Path()) == msgspec.structs.replace(image, path=path)
    except UnknownFileNameError:
        return False
