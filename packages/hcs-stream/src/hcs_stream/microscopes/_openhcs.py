"""OpenHCS: file names of its workspaces."""

import re
from pathlib import Path

from ._grammar import Grammar, ParsedName, checked
from ._image_file import ImageFile
from ._wells import number, well_at, well_of

_NAME = re.compile(
    r"""
    (?:(?P<well>[A-Z]{1,2}[0-9]{1,3})|R(?P<row>[0-9]{1,3})C(?P<column>[0-9]{1,3}))
    (?=_[swzt][0-9])
    (?:_s(?P<site>[0-9]{1,9}))?
    (?:_w(?P<channel>[0-9]{1,9}))?
    (?:_z(?P<plane>[0-9]{1,9}))?
    (?:_t(?P<timepoint>[0-9]{1,9}))?
    (?:\.ome)?\.(?:tiff?|png|jpe?g)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_COUNTERS = {"C": "channel", "S": "site", "T": "timepoint", "W": "channel", "Z": "plane"}
"""What a name counts by a letter that may be a row as well."""


class OpenHCS(Grammar):
    """OpenHCS; parts of the address may be left out, and a well may be ``R01C01``."""

    name = "OpenHCS"

    def parse(self, name: str, folders: tuple[str, ...]) -> ParsedName | None:
        """Read an address; without ``_w`` the channel is ``"1"``."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        written, row, column, site, channel, plane, timepoint = found.groups()
        well = well_of(written) if written else well_at(row, column)
        if well is None:
            return None
        return ParsedName(
            well,
            number(channel or "1"),
            int(site) if site else None,
            int(plane) if plane else None,
            int(timepoint) if timepoint else None,
            is_bare=bool(written) and _may_count(name, found),
        )

    def format(self, image: ImageFile) -> Path:
        """Name an image; the plate's name is its folder's."""
        numbers = ("s", image.site), ("w", image.channel), ("z", image.z_index), ("t", image.timepoint)
        parts = (f"_{letter}{value}" for letter, value in numbers if value is not None)
        return checked(self, image, Path(f"{image.well}{''.join(parts)}.tif"))


def _may_count(name: str, found: re.Match[str]) -> bool:
    """Say whether a well is spelled like the counters behind it and counts nothing that they count as well.

    So it is in ``c1_z03``, but not in ``C01_z03`` and ``c1_w2_z03``.
    """
    row, others = name[0], name[found.end("well") + 1]
    counter = _COUNTERS.get(row.upper())
    return row.isupper() == others.isupper() and (counter is None or found[counter] is None)
