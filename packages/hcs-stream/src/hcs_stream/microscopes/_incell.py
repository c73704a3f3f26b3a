"""IN Cell Analyzer: file names."""

import re
from pathlib import Path

from ._grammar import Grammar, ParsedName, checked
from ._image_file import ImageFile
from ._wells import number, row_and_column, well_of

# `wv` is the wavelength, excitation and emission filter; `wix` its index, which adds nothing.
_NAME = re.compile(
    r"""
    (?:(?P<plate>.+)_)?
    (?P<row>[A-Z]{1,2})\ -\ (?P<column>[0-9]{1,3})
    \(
    fld\ (?P<site>[0-9]{1,9})
    (?:\ wv\ (?P<channel>.+?))?
    (?:\ wix\ [0-9]+)?
    (?:\ z\ (?P<plane>[0-9]{1,9}))?
    (?:(?:\ ?-)?\ (?:time|t)\ (?P<timepoint>[0-9]{1,9})(?:\ -\ [0-9]+\ ?ms)?)?
    \)
    (?:\.ome)?\.tiff?
    """,
    re.VERBOSE | re.IGNORECASE,
)


class InCell(Grammar):
    """GE (Cytiva) IN Cell Analyzer; the channel is what stands after ``wv``: ``"390 - Blue"``."""

    name = "IN Cell"

    def parse(self, name: str, folders: tuple[str, ...]) -> ParsedName | None:
        """Read an address; without ``wv`` the channel is ``"1"``."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        plate, row, column, site, channel, plane, timepoint = found.groups()
        well = well_of(row + column)
        z_index, time = (None if text is None else int(text) for text in (plane, timepoint))
        if well is None:
            return None
        if channel is None or channel.isdecimal():
            channel = number(channel or "1")
        return ParsedName(well, channel, int(site), z_index, time, plate)

    def format(self, image: ImageFile) -> Path:
        """Name an image; the plate's name is its folder's."""
        row, column = image.well.rstrip("0123456789"), row_and_column(image.well)[1]
        plane = "" if image.z_index is None else f" z {image.z_index}"
        time = "" if image.timepoint is None else f" time {image.timepoint}"
        place = f"fld {image.site} wv {image.channel}{plane}{time}"
        return checked(self, image, Path(f"{row} - {column:02d}({place}).tif"))
