"""One image on disk and its address on the plate."""

from pathlib import Path

import msgspec


class ImageFile(msgspec.Struct, frozen=True, kw_only=True):
    """One image on disk and its address on the plate, in the maker's own numbers."""

    path: Path
    plate: str
    well: str
    """Row letters and at least two digits: ``"A01"``, ``"AA01"``."""
    site: int
    channel: str
    """The channel's name, ``"DAPI"``, where the plate has one, else its number as text: ``"2"``."""
    z_index: int | None
    """The z-plane; None for an image that lies outside a stack, such as its projection."""
    timepoint: int | None
