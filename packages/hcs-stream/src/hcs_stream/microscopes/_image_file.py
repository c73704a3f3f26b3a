"""One image on disk and its address on the plate."""

from pathlib import Path

import msgspec

from hcs_protocol import Kind, Step


class Result(msgspec.Struct, frozen=True, gc=False):
    """What a pipeline made of a plate, as the plate of its results says it."""

    source: str = ""
    """The name of the plate of which it was made; empty if that is not said."""
    step: Step | None = None
    """By which step."""
    kind: Kind = "image"
    coloured: bool = False
    """Whether it is red, and the next two planes along the axis c are green and blue."""


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
    result: Result | None = None
    """What it is, if this package wrote it."""

    @property
    def kind(self) -> Kind:
        """``"labels"`` where the pixels are known to number objects."""
        return self.result.kind if self.result else "image"
