"""One image on disk and its address on the plate."""

from pathlib import Path

import msgspec


class ImageFile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One image on disk and its address on the plate, in the maker's own numbers."""

    path: Path
    """The file, or the array of an OME-NGFF image."""
    plate: str
    well: str
    """Row letters and at least two digits: ``"A01"``, ``"AA01"``."""
    site: int | None
    """None where the maker does not say, such as of a stitched image."""
    channel: str
    """The channel's name, ``"DAPI"``, where the plate has one, else its number as text: ``"2"``."""
    z_index: int | None
    """The z-plane; None for an image that lies outside a stack, such as its projection."""
    timepoint: int | None
    key: tuple[int, ...] = ()
    """Which plane inside ``path``: the page of a TIFF, the indexes before y and x of an OME-NGFF array.

    Empty is the whole file.
    """
