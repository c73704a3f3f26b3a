"""Yokogawa CellVoyager 7000 and 8000: file names."""

import re
from collections.abc import Sequence
from pathlib import Path

from ._cellvoyager_xml import read_measurement, read_places
from ._grammar import Description, Grammar, ParsedName, Wanted, checked
from ._image_file import ImageFile
from ._wells import acquisition, number, well_of

# T timepoint, F field, L timeline, A action, Z plane (XX: projected), C channel.
_NAME = re.compile(
    r"""
    (?P<plate>.+)_(?P<well>[A-Z]{1,2}[0-9]{1,3})
    _T(?P<timepoint>[0-9]{1,9})F(?P<site>[0-9]{1,9})L(?P<series>[0-9]{1,9})A(?P<action>[0-9]{1,9})
    Z(?P<plane>[0-9]{1,9}|X+)C(?P<channel>[0-9]{1,9})
    (?:\.ome)?\.(?:tiff?|png)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CORRECTION = re.compile(r"(?:DC_.+_CAM[0-9]+|SC_.+_CH[0-9]+)\.(?:tiff?|png)", re.IGNORECASE)


class CellVoyager(Grammar):
    """Yokogawa CellVoyager; dark-current and shading corrections beside the images are skipped."""

    name = "CellVoyager"

    def parse(self, name: str, folders: tuple[str, ...]) -> ParsedName | None:
        """Read an address; the plane ``ZXX`` is a projection.

        Timelines and actions matter where they take the same images: see `tell_apart`.
        """
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        plate, written, timepoint, site, series, action, plane, channel = found.groups()
        well = well_of(written)
        if well is None:
            return None
        z_index = int(plane) if plane.isdecimal() else None
        time, timeline, which = int(timepoint), int(series), acquisition("action", action)
        return ParsedName(well, number(channel), int(site), z_index, time, plate, timeline, acquisition=which)

    def format(self, image: ImageFile) -> Path:
        """Name an image of the first timeline and action."""
        plane = "XX" if image.z_index is None else f"{image.z_index:02d}"
        channel = image.channel.zfill(2)
        place = f"T{image.timepoint or 0:04d}F{image.site or 0:03d}L01A01Z{plane}C{channel}"
        return checked(self, image, Path(f"{image.plate}_{image.well}_{place}.tif"))

    def reason_to_skip(self, name: str) -> str | None:
        """Know the pictures that correct the others."""
        return "corrections" if _CORRECTION.fullmatch(name) else None

    def describes(self, name: str) -> bool:
        """Know the settings, the detail and the data of a measurement."""
        return name.lower().endswith((".mes", ".mrf", ".mlf"))

    def describe(self, files: Sequence[Path], wanted: Wanted) -> Description:
        """Read channels and the distance of planes from the ``.mes``, the pixel size from the ``.mrf``."""
        return read_measurement(files, wanted)

    def positions(self, files: Sequence[Path]) -> dict[tuple[str, int], tuple[float, float]]:
        """Read where fields lie from the ``.mlf``."""
        return read_places(files)
