"""What a maker's grammar does: read names, write them, and read the files that describe a plate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from ._errors import UnnameableImageError
from ._image_file import ImageFile


class ParsedName(msgspec.Struct, frozen=True, gc=False):
    """What the name of an image says of its address; the plate is None where the name leaves it out."""

    well: str
    channel: str = "1"
    site: int | None = None
    z_index: int | None = None
    timepoint: int | None = None
    plate: str | None = None
    series: int = 1
    """Of several that each count timepoints from the start, one after the other."""
    frame: int = 1
    """Of several at one timepoint, fast one after the other."""
    acquisition: str = ""
    """Which of several of one channel: ``"action 2"``; for plates where the address alone is ambiguous."""
    take: str = ""
    """Which of several of one acquisition: ``"number 2"``; likewise."""
    is_bare: bool = False
    """Whether the well may be none: ``img_C1.tif`` may count channels, as names beside it tell."""
    well_before: str = ""
    """What stands before it and may be the well: ``exp_B02_F1.tif`` may count sites, as others beside it."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a plate's images leave open, so that a large metadata file need not be read to its end."""

    channels: frozenset[str]
    """Numbers of channels in the names."""
    has_stacks: bool
    """Whether there are planes at different z."""
    example: Path
    """One of the images."""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What metadata files say about a plate."""

    plate: str | None = None
    channels: dict[str, str] = {}
    """The name of each channel by its number in file names."""
    wavelengths: dict[str, float] = {}
    """Emission in nm by the channel's number in file names."""
    pixel_size: tuple[float, float] | None = None
    """Height and width in µm."""
    z_step: float | None = None
    """Distance of z-planes in µm."""
    unread: tuple[Path, ...] = ()
    """Metadata files that could not be read, or not to their end."""


@runtime_checkable
class Grammar(Protocol):
    """How one maker names images.

    Derive from it and write ``name``, `parse` and `format`; the rest has a default.
    """

    name: str
    """The maker or the instrument, as people say it: ``"Opera Phenix"``."""

    def parse(self, name: str, folders: tuple[str, ...]) -> ParsedName | None:
        """Read an image's address from its file name, or return None for a name of somebody else.

        Args:
            name: The file's name with its ending.
            folders: The folders that lead to it, the plate's own first.
        """
        ...

    def format(self, image: ImageFile) -> Path:
        """Name an image as the maker does, relative to the plate's folder; `parse` reads it back.

        Raises:
            UnnameableImageError: No such name reads back as the same image.
        """
        ...

    def reason_to_skip(self, name: str) -> str | None:
        """Say what a file is, ``"thumbs"``, that looks like an image of the plate and is none."""
        return None

    def describes(self, name: str) -> bool:
        """Tell whether a file of this name is the maker's description of a plate."""
        return False

    def describe(self, files: Sequence[Path], wanted: Wanted) -> Description:
        """Read channel names, pixel size and the like from the files that `describes` knows.

        Args:
            files: The plate's, in natural order; maybe none.
            wanted: What the images leave open.
        """
        return Description()

    def positions(self, files: Sequence[Path]) -> dict[tuple[str, int], tuple[float, float]]:
        """Read where sites lie, by well and site: y and x in µm from the well's middle, y upwards."""
        return {}


def checked(grammar: Grammar, image: ImageFile, path: Path) -> Path:
    """Return the path if it reads back as the image.

    Raises:
        UnnameableImageError: It does not.
    """
    found = grammar.parse(path.name, (image.plate, *path.parent.parts))
    plate = found and (image.plate if found.plate is None else found.plate)
    wanted = ParsedName(image.well, image.channel, image.site, image.z_index, image.timepoint, image.plate)
    said = {"plate": plate, "acquisition": "", "take": "", "is_bare": False, "well_before": ""}
    if found is None or msgspec.structs.replace(found, **said) != wanted:
        raise UnnameableImageError(path.name, grammar.name)
    return path
