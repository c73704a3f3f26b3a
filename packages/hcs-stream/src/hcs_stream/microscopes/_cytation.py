"""BioTek Cytation: file names that Gen5 writes."""

import re
from pathlib import Path

from ._grammar import Grammar, ParsedName, checked
from ._image_file import ImageFile
from ._wells import acquisition, well_of

# Well, read step (negative where the image was made of others), number of the channel, site and maybe
# plane, channel, timepoint. A stitched image has no site.
_NAME = re.compile(
    r"""
    (?P<well>[A-Z]{1,2}[0-9]{1,3})
    _(?P<step>-?[0-9]{1,9})_(?P<number>[0-9]{1,9})
    (?:_(?P<site>[0-9]{1,9}))?
    (?:Z(?P<plane>[0-9]{1,9}))?
    _(?P<channel>.+)
    _(?P<timepoint>[0-9]{1,9})
    (?:\.ome)?\.(?:tiff?|png|jpe?g)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_OTHER_NAME = re.compile(
    r"""
    (?P<well>[A-Z]{1,2}[0-9]{1,3})
    _(?P<step>-?[0-9]{1,9})
    _SP(?P<site>[0-9]{1,9})
    (?:Z(?P<plane>[0-9]{1,9}))?
    _C(?P<number>[0-9]{1,9})
    _(?P<channel>.+)
    _T(?P<timepoint>[0-9]{1,9})
    (?:\.ome)?\.(?:tiff?|png|jpe?g)
    """,
    re.VERBOSE | re.IGNORECASE,
)


class Cytation(Grammar):
    """BioTek (Agilent) Cytation; the channel is spelled as in the name, ``"Tsf[Phase Contrast]"``."""

    name = "Cytation"

    def parse(self, name: str, folders: tuple[str, ...]) -> ParsedName | None:
        """Read an address; the read step and the channel's number matter where two take the same images."""
        found = _NAME.fullmatch(name) or _OTHER_NAME.fullmatch(name)
        well = found and well_of(found["well"])
        if not found or not well:
            return None
        site, z_index = (None if text is None else int(text) for text in found.group("site", "plane"))
        step, take = acquisition("step", found["step"]), acquisition("number", found["number"])
        time = int(found["timepoint"])
        return ParsedName(well, found["channel"], site, z_index, time, acquisition=step, take=take)

    def format(self, image: ImageFile) -> Path:
        """Name an image as if it was taken in the first step."""
        row, column = image.well.rstrip("0123456789"), image.well.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        site = "" if image.site is None else f"_{image.site}"
        plane = "" if image.z_index is None else f"Z{image.z_index}"
        time = f"{image.timepoint or 0:03d}"
        name = f"{row}{column.lstrip('0')}_01_1{site}{plane}_{image.channel}_{time}.tif"
        return checked(self, image, Path(name))
