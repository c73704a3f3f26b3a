"""Cellomics: file names."""

import re
from pathlib import Path

from ._grammar import Grammar, ParsedName, checked
from ._image_file import ImageFile
from ._wells import number, well_of

# `f` is the field, `d` the dye. A name with neither could be anybody's.
_NAME = re.compile(
    r"""
    (?P<plate>.+)_(?P<well>[A-Z]{1,2}[0-9]{1,3})(?=[fd][0-9])
    (?:f(?P<site>[0-9]{1,9}))?
    (?:d(?P<channel>[0-9]{1,9}))?
    (?:\.ome)?\.(?:tiff?|png|jpe?g)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_OVERLAY = re.compile(r".+_[A-Z]{1,2}[0-9]{1,3}(?:f[0-9]+)?o[0-9]+\.(?:tiff?|png|jpe?g)", re.IGNORECASE)


class Cellomics(Grammar):
    """Cellomics (Thermo Scientific) ArrayScan and CellInsight; overlays, ``…o1.TIF``, are skipped."""

    name = "Cellomics"

    def parse(self, name: str, folders: tuple[str, ...]) -> ParsedName | None:
        """Read an address; without ``d`` the channel is ``"1"``."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        plate, written, site, channel = found.groups()
        well = well_of(written)
        if well is None:
            return None
        return ParsedName(well, number(channel or "1"), int(site) if site else None, plate=plate)

    def format(self, image: ImageFile) -> Path:
        """Name an image; z-planes and timepoints have no names."""
        site = "" if image.site is None else f"f{image.site:02d}"
        return checked(self, image, Path(f"{image.plate}_{image.well}{site}d{image.channel}.TIF"))

    def reason_to_skip(self, name: str) -> str | None:
        """Know outlines that were drawn over an image."""
        return "overlays" if _OVERLAY.fullmatch(name) else None
