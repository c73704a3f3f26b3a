"""Opera Phenix and Operetta: file names that Harmony and Columbus write."""

import re
from collections.abc import Sequence
from pathlib import Path

from ._grammar import Description, Grammar, ParsedName, Wanted, checked
from ._image_file import ImageFile
from ._phenix_xml import read_index, read_places
from ._wells import acquisition, number, row_and_column, well_at

# `sk` is the slow kinetic, which is the timepoint (newer exports: `t`), `fk` the fast one within.
_NAME = re.compile(
    r"""
    r(?P<row>[0-9]{1,3})c(?P<column>[0-9]{1,3})f(?P<site>[0-9]{1,9})p(?P<plane>[0-9]{1,9})
    -ch(?P<channel>[0-9]{1,9})
    (?:(?:sk|t)(?P<timepoint>[0-9]{1,9}))?(?:fk(?P<frame>[0-9]{1,9}))?(?:fl(?P<flim>[0-9]{1,9}))?
    (?:\.ome)?\.tiff?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_OLD_NAME = re.compile(
    r"""
    (?P<row>[0-9]{3})(?P<column>[0-9]{3})-(?P<site>[0-9]{1,9})
    -(?P<timepoint>[0-9]{3})(?P<plane>[0-9]{3})(?P<channel>[0-9]{3})
    (?:\.ome)?\.tiff?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_INDEX = re.compile(r"index(\.idx|\.ref|\.flex)?\.xml", re.IGNORECASE)


class OperaPhenix(Grammar):
    """PerkinElmer (Revvity) Opera Phenix and Operetta, as Harmony exports them.

    Read as well: the names of the first Operetta and of Columbus, ``003003-1-001001001.tif``, which are
    row and column, field, timepoint, plane and channel.
    """

    name = "Opera Phenix"

    def parse(self, name: str, folders: tuple[str, ...]) -> ParsedName | None:
        """Read an address; the plate's name stands in the index only."""
        if found := _NAME.fullmatch(name):
            row, column, site, plane, channel, timepoint, frame, flim = found.groups()
        elif found := _OLD_NAME.fullmatch(name):
            row, column, site, timepoint, plane, channel = found.groups()
            frame, flim = None, None
        else:
            return None
        well = well_at(row, column)
        time = None if timepoint is None else int(timepoint)
        if well is None:
            return None
        fast, which = int(frame or 1), acquisition("flim", flim or "1")
        return ParsedName(well, number(channel), int(site), int(plane), time, None, 1, fast, which)

    def format(self, image: ImageFile) -> Path:
        """Name an image as Harmony 4 does."""
        row, column = row_and_column(image.well)
        time = "" if image.timepoint is None else f"sk{image.timepoint}fk1fl1"
        numbers = f"f{image.site or 0:02d}p{image.z_index or 0:02d}-ch{image.channel}{time}"
        return checked(self, image, Path("Images", f"r{row:02d}c{column:02d}{numbers}.tiff"))

    def describes(self, name: str) -> bool:
        """Know Harmony's index in its dialects."""
        return _INDEX.fullmatch(name) is not None

    def describe(self, files: Sequence[Path], wanted: Wanted) -> Description:
        """Read the plate's name, channels, pixel size and distance of planes from the index."""
        return read_index(files, wanted)

    def positions(self, files: Sequence[Path]) -> dict[tuple[str, int], tuple[float, float]]:
        """Read where fields lie from the index."""
        return read_places(files)
