"""One path to an address and back, whoever the maker is."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec

from hcs_stream._unicode import readable

from ._errors import UnknownFileNameError
from ._grammar import ParsedName
from ._image_file import ImageFile
from ._makers import grammar_of, grammars

Address: TypeAlias = tuple[object, ...]

_PLANE = re.compile(r"(?:ZStep|TimePoint)_[0-9]+|r[0-9]+c[0-9]+", re.IGNORECASE)
_PART = re.compile(rf"{_PLANE.pattern}|Images", re.IGNORECASE)


def parse_path(
    path: str | os.PathLike[str], *, maker: str | None = None, root: str | os.PathLike[str] | None = None
) -> ImageFile:
    """Read an image's address from its path; no file is opened.

    Args:
        path: The image.
        maker: Whose grammar to use; all are tried by default.
        root: The plate's folder, which lends the plate its name where the image's does not say it. By
            default that is the folder the image lies in.

    Raises:
        UnknownFileNameError: No grammar that was tried knows the name.
        UnknownMakerError: There is no grammar of this maker.
    """
    return _read(Path(path), maker, root).image


def parse_paths(
    paths: Sequence[str | os.PathLike[str]],
    *,
    maker: str | None = None,
    root: str | os.PathLike[str] | None = None,
) -> list[ImageFile | None]:
    """Read the addresses of several images, of which no two get the same; no file is opened.

    What else the names say is then part of the channel, ``"DAPI (step 2)"``. What nothing tells apart has its
    folder beside the plate's name, or its own name beside the channel's.

    Args:
        paths: The images.
        maker: As `parse_path`.
        root: As `parse_path`.

    Returns:
        For each its address; None if no grammar that was tried knows the name.

    Raises:
        UnknownMakerError: There is no grammar of this maker.
    """
    found: list[_Read | None] = []
    for path in map(Path, paths):
        try:
            found.append(_read(path, maker, root))
        except UnknownFileNameError:
            found.append(None)
    known = [read for read in found if read is not None]
    images = iter(_told_apart(known))
    return [None if read is None else next(images) for read in found]


class _Read(NamedTuple):
    image: ImageFile
    parsed: ParsedName

    @property
    def details(self) -> tuple[str, ...]:
        """What the name says beside the address."""
        parsed = self.parsed
        return f"series {parsed.series}", f"frame {parsed.frame}", parsed.acquisition, parsed.take


def _read(whole: Path, maker: str | None, root: str | os.PathLike[str] | None) -> _Read:
    folders = _folders(whole, None if root is None else Path(root))
    plate = plate_folder(folders) if root is None else Path(os.path.abspath(root)).name
    tried = {maker: grammar_of(maker)} if maker else grammars()
    for grammar in tried.values():
        if parsed := grammar.parse(readable(whole.name), folders):
            image = ImageFile(
                path=whole,
                plate=readable(plate) if parsed.plate is None else parsed.plate,
                well=parsed.well,
                site=parsed.site,
                channel=parsed.channel,
                z_index=parsed.z_index,
                timepoint=parsed.timepoint,
            )
            return _Read(image, parsed)
    raise UnknownFileNameError(whole.name, tuple(grammar.name for grammar in tried.values()))


def _told_apart(several: Sequence[_Read]) -> Sequence[ImageFile]:
    by_address: dict[Address, list[_Read]] = {}
    for read in several:
        by_address.setdefault(_address(read.image), []).append(read)
    if len(by_address) == len(several):
        return [read.image for read in several]
    different: dict[tuple[str, str], set[int]] = {}
    for reads in by_address.values():
        of_channel = different.setdefault((reads[0].image.plate, reads[0].image.channel), set())
        details = zip(*(read.details for read in reads), strict=True)
        of_channel.update(number for number, found in enumerate(details) if len(set(found)) > 1)
    first: dict[Address, Path] = {}
    images: list[ImageFile] = []
    for read in several:
        numbers = sorted(different[read.image.plate, read.image.channel])
        image = _in_channel(read.image, [read.details[number] for number in numbers])
        if _address(image) in first:
            image = _twin(image, first)
        first[_address(image)] = image.path
        images.append(image)
    return images


def _in_channel(image: ImageFile, details: Sequence[str]) -> ImageFile:
    if not details:
        return image
    return msgspec.structs.replace(image, channel=f"{image.channel} ({', '.join(filter(None, details))})")


def _twin(image: ImageFile, first: Mapping[Address, Path]) -> ImageFile:
    """Return an image whose address another one has under an address of its own."""
    name, folder = image.path.name, image.path.parent
    tried = (
        msgspec.structs.replace(image, plate=f"{image.plate} ({folder.name})"),
        msgspec.structs.replace(image, channel=f"{image.channel} ({name})"),
        msgspec.structs.replace(image, channel=f"{image.channel} ({image.path})"),
    )
    is_elsewhere = first[_address(image)].parent != folder
    return next((twin for twin in tried[not is_elsewhere :] if _address(twin) not in first), image)


def _address(image: ImageFile) -> Address:
    return image.plate, image.channel, image.well, image.site, image.z_index, image.timepoint


def format_path(image: ImageFile, *, maker: str) -> Path:
    """Name an image as a maker does, relative to the plate's folder; `parse_path` reads it back.

    The image's own ``path`` and ``key`` play no part.

    Raises:
        UnknownMakerError: There is no grammar of this maker.
        UnnameableImageError: No such name reads back as the same image.
    """
    return grammar_of(maker).format(image)


def plate_folder(folders: tuple[str, ...]) -> str:
    """Return the last folder that does not stand for a part of the plate."""
    return next((name for name in reversed(folders) if not is_part(name)), "")


def folder_of_plate(path: str | os.PathLike[str]) -> Path:
    """Return the folder of the plate on which an image lies: its own, or that above folders of planes."""
    folder = Path(path).parent
    while _PLANE.fullmatch(Path(os.path.abspath(folder)).name):
        folder = folder.parent if folder.name else folder / ".."
    return folder


def is_part(folder: str) -> bool:
    """Tell whether a folder's name stands for a part of a plate: its planes, its timepoints, its images."""
    return _PART.fullmatch(folder) is not None


def _folders(path: Path, root: Path | None) -> tuple[str, ...]:
    if root is not None:
        below, whole = Path(os.path.abspath(path)), Path(os.path.abspath(root))
        if below.is_relative_to(whole):
            return whole.name, *below.relative_to(whole).parts[:-1]
    return path.parts[1:-1] if path.anchor else path.parts[:-1]
