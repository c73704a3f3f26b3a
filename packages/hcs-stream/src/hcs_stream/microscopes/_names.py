"""One path to an address and back, whoever the maker is."""

import os
import re
from pathlib import Path

from ._errors import UnknownFileNameError
from ._image_file import ImageFile
from ._makers import grammar_of, grammars

_PART = re.compile(r"(?:ZStep|TimePoint)_[0-9]+|Images|r[0-9]+c[0-9]+", re.IGNORECASE)


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
    whole = Path(path)
    folders = _folders(whole, None if root is None else Path(root))
    plate = plate_folder(folders) if root is None else Path(os.path.abspath(root)).name
    tried = {maker: grammar_of(maker)} if maker else grammars()
    for grammar in tried.values():
        if parsed := grammar.parse(whole.name, folders):
            return ImageFile(
                path=whole,
                plate=plate if parsed.plate is None else parsed.plate,
                well=parsed.well,
                site=parsed.site,
                channel=parsed.channel,
                z_index=parsed.z_index,
                timepoint=parsed.timepoint,
            )
    raise UnknownFileNameError(whole.name, tuple(grammar.name for grammar in tried.values()))


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


def is_part(folder: str) -> bool:
    """Tell whether a folder's name stands for a part of a plate: its planes, its timepoints, its images."""
    return _PART.fullmatch(folder) is not None


def _folders(path: Path, root: Path | None) -> tuple[str, ...]:
    if root is not None:
        below, whole = Path(os.path.abspath(path)), Path(os.path.abspath(root))
        if below.is_relative_to(whole):
            return whole.name, *below.relative_to(whole).parts[:-1]
    return path.parts[1:-1] if path.anchor else path.parts[:-1]
