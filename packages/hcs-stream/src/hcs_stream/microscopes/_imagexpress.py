"""ImageXpress: file names of the database store and of exported plates."""

import logging
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ._errors import UnknownFileNameError
from ._grammar import Description, Grammar, ParsedName, Wanted, checked
from ._image_file import ImageFile
from ._imagexpress_htd import channel_names
from ._wells import COUNTERS, number, well_of

logger = logging.getLogger(__name__)

# The database store's GUID follows the channel's digits without a break; its length is fixed,
# so `w2045200D6-…` is channel 2 and `w12045200D6-…` channel 12. A well in small letters is one only
# before a site or a channel: `overview_v2.tif` is none, and neither is the `s1` of `P_s1_w3.tif`.
# A name without a plate says a site or a channel: `A01.tif` could be anybody's.
_NAME = re.compile(
    r"""
    (?:(?P<plate>.+?)_|(?=[A-Z]{1,2}[0-9]{1,3}_[sSwW][0-9]))
    (?P<well>[A-Z]{1,2}[0-9]{1,3}|(?![stwz][0-9])[a-z]{1,2}[0-9]{1,3}(?=_[sw][0-9]))
    (?:_[sS](?P<site>[0-9]{1,9}))?
    (?:_[wW](?P<channel>[0-9]{1,9}))?
    (?P<thumb>_(?i:thumb))?
    (?P<guid>[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12})?
    (?:\.(?i:ome))?\.(?i:tiff?)
    """,
    re.VERBOSE,
)
_COUNTED = re.compile(
    rf"(?:.*?_)?(?P<well>[A-Z]{{1,2}}[0-9]{{1,3}})(?P<counters>(?:_[{COUNTERS}][0-9]{{1,9}})*)"
)
"""The end of a plate's name that may say the well and count something in it: ``exp_A01_T001``."""


class ImageXpress(Grammar):
    """Molecular Devices ImageXpress, as its database stores images and as MetaXpress exports them.

    Without ``_s`` the site is 1 and without ``_w`` the channel is ``"1"``: single-site and
    single-channel plates leave them out. Folders ``ZStep_n`` and ``TimePoint_n`` say the plane. A name may
    leave out the plate if it says site or channel.
    """

    name = "ImageXpress"

    def parse(self, name: str, folders: tuple[str, ...]) -> ParsedName | None:
        """Read an address; thumbnails have none."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        plate, written, site, channel, thumb, guid = found.groups()
        well = well_of(written)
        if thumb or well is None:
            return None
        plane = z_index, timepoint = _plane(folders)
        is_bare = not (site or channel or guid) and plane == (None, None)
        before, counters = _before(plate or "")
        if counters > 1 and well[0] in COUNTERS and is_bare:
            return None
        return ParsedName(
            well,
            number(channel or "1"),
            int(site or 1),
            z_index,
            timepoint,
            plate,
            is_bare=is_bare,
            well_before=before if is_bare or counters else "",
        )

    def format(self, image: ImageFile) -> Path:
        """Name an image as an exported plate does."""
        planes = ("TimePoint", image.timepoint), ("ZStep", image.z_index)
        folders = [f"{prefix}_{value}" for prefix, value in planes if value is not None]
        name = f"{image.plate}_{image.well}_s{image.site}_w{image.channel}.TIF"
        return checked(self, image, Path(*folders, name))

    def reason_to_skip(self, name: str) -> str | None:
        """Know the small previews of images."""
        found = _NAME.fullmatch(name)
        return "thumbs" if found and found["thumb"] else None

    def describes(self, name: str) -> bool:
        """Know an exported plate's ``.HTD``."""
        return name.lower().endswith(".htd")

    def describe(self, files: Sequence[Path], wanted: Wanted) -> Description:
        """Read channel names from the ``.HTD``, and the pixel size from the tags of one image."""
        channels: dict[str, str] = {}
        unread: tuple[Path, ...] = ()
        try:
            channels = channel_names(files)
        except OSError as error:
            logger.warning("metadata unreadable path=%s error=%s", error.filename, error)
            unread = (Path(error.filename),)
        return Description(channels=channels, pixel_size=_pixel_size(wanted.example), unread=unread)


def parse_imagexpress(path: Path, root: Path) -> ImageFile:
    """Read an image's address from its file name and from the folders up to ``root``.

    Args:
        path: The image, below ``root``.
        root: The plate's folder; its own name may be ``ZStep_n`` or ``TimePoint_n`` too.

    Raises:
        UnknownFileNameError: The name is none of ImageXpress, or a thumbnail's.
    """
    found = _IMAGEXPRESS.parse(path.name, (root.name, *path.relative_to(root).parts[:-1]))
    if found is None:
        raise UnknownFileNameError(path.name, (ImageXpress.name,))
    return ImageFile(
        path=path,
        plate=found.plate or "",
        well=found.well,
        site=found.site,
        channel=found.channel,
        z_index=found.z_index,
        timepoint=found.timepoint,
    )


def format_imagexpress(image: ImageFile) -> Path:
    """Name an image as an exported plate does, relative to the plate's folder.

    The image's own ``path`` plays no part.

    Raises:
        UnnameableImageError: The name would not read back as the same image, for example
            because the channel is not a number.
    """
    return _IMAGEXPRESS.format(image)


@lru_cache(1 << 12)
def _before(plate: str) -> tuple[str, int]:
    """Return the well in a plate's name after which there are counters at most, and how many there are."""
    found = _COUNTED.fullmatch(plate)
    well = found and well_of(found["well"])
    return (well, found["counters"].count("_")) if found and well else ("", 0)


@lru_cache(1 << 12)
def _plane(folders: tuple[str, ...]) -> tuple[int | None, int | None]:
    return _number("ZStep", folders), _number("TimePoint", folders)


def _number(prefix: str, folders: tuple[str, ...]) -> int | None:
    for folder in reversed(folders):
        if match := re.fullmatch(rf"{prefix}_([0-9]{{1,9}})", folder, re.IGNORECASE):
            return int(match[1])
    return None


def _pixel_size(path: Path) -> tuple[float, float] | None:
    import tifffile  # takes a while, and a plate of another maker does without

    try:
        with tifffile.TiffFile(path) as file:
            planes = (file.metaseries_metadata or {}).get("PlaneInfo", {})
    except Exception:  # a file that is half there makes tifffile stumble in any way
        return None  # an image that cannot be read is found out when it is needed
    calibrated = planes.get("spatial-calibration-state") and planes.get("spatial-calibration-units") == "um"
    if not calibrated:
        return None
    return float(planes["spatial-calibration-y"]), float(planes["spatial-calibration-x"])


_IMAGEXPRESS = ImageXpress()
