"""Harmony's index: `Index.idx.xml`, and `Index.xml`, which says once per channel what the other repeats.

Harmony 4 (namespace HarmonyV5) describes the channel in each ``Image``; Harmony 5 (HarmonyV6 and V7)
describes it in ``Maps/Map/Entry`` and leaves the number in the ``Image``. Both are read by the same words.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from ._grammar import Description, Wanted
from ._wells import number, well_at
from ._xml import attributes, elements, local, real, texts

MICROMETRES = {"m": 1e6, "mm": 1e3, "um": 1.0, "µm": 1.0, "μm": 1.0, "nm": 1e-3}


def read_index(files: Sequence[Path], wanted: Wanted) -> Description:
    """Read what the images leave open, and no further than needed; a second file fills gaps of the first."""
    index = Index(wanted)
    unread: list[Path] = []
    for path in files:
        for tag, element in elements(path, ("Plate", "Entry", "Image"), unread):
            index.take(tag, element)
            if index.is_complete():
                break
        if index.is_complete():
            break
    return Description(
        plate=index.plate,
        channels=index.channels,
        wavelengths=index.wavelengths,
        pixel_size=index.pixel_size,
        z_step=index.z_step,
        unread=tuple(unread),
    )


def read_places(files: Sequence[Path]) -> dict[tuple[str, int], tuple[float, float]]:
    """Read where each field lies, from the whole index."""
    found: dict[tuple[str, int], tuple[float, float]] = {}
    for path in files:
        for _, element in elements(path, ("Image",), []):
            said = texts(element)
            row, column, field = (said.get(part, "") for part in ("Row", "Col", "FieldID"))
            y, x = (_micrometres(element, f"Position{axis}") for axis in "YX")
            if not (row + column + field).isdecimal() or y is None or x is None:
                continue
            if well := well_at(row, column):
                found.setdefault((well, int(field)), (y, x))
    return found


class Index:
    """What has been read of an index so far."""

    def __init__(self, wanted: Wanted) -> None:
        self.plate: str | None = None
        self.channels: dict[str, str] = {}
        self.wavelengths: dict[str, float] = {}
        self.pixel_size: tuple[float, float] | None = None
        self.z_step: float | None = None
        self._wanted = wanted
        self._planes: dict[tuple[str | None, ...], tuple[int, float]] = {}

    def take(self, tag: str, element: Element) -> None:
        """Take in one element."""
        said = texts(element)
        if tag == "Plate":
            self.plate = self.plate or said.get("Name") or said.get("PlateID") or None
            return
        channel = said.get("ChannelID") or attributes(element).get("ChannelID", "")
        if channel.isdecimal():
            self._take_channel(number(channel), said, element)
        if tag == "Image" and self._wanted.has_stacks and self.z_step is None:
            self._take_plane(said, element)

    def is_complete(self) -> bool:
        """Tell whether nothing is left open."""
        return (
            self.channels.keys() >= self._wanted.channels
            and self.pixel_size is not None
            and (self.z_step is not None or not self._wanted.has_stacks)
        )

    def _take_channel(self, channel: str, said: dict[str, str], element: Element) -> None:
        if name := said.get("ChannelName"):
            self.channels.setdefault(channel, name)
        if emission := real(said.get("MainEmissionWavelength")):
            self.wavelengths.setdefault(channel, emission)
        height, width = (_micrometres(element, f"ImageResolution{axis}") for axis in "YX")
        if self.pixel_size is None and height and width:
            self.pixel_size = height, width

    def _take_plane(self, said: dict[str, str], element: Element) -> None:
        z = _micrometres(element, "PositionZ")
        if z is None or not said.get("PlaneID", "").isdecimal():
            return
        plane = int(said["PlaneID"])
        stack = tuple(said.get(part) for part in ("Row", "Col", "FieldID", "ChannelID", "TimepointID"))
        first, z_of_first = self._planes.setdefault(stack, (plane, z))
        if plane != first and z != z_of_first:
            self.z_step = round(abs((z - z_of_first) / (plane - first)), 6)


def _micrometres(element: Element, tag: str) -> float | None:
    for child in element:
        if local(child.tag) == tag:
            length = real(child.text)
            scale = MICROMETRES.get(child.get("Unit", "m"))
            return None if length is None or scale is None else length * scale
    return None
