"""Which planes are in one file of an OME set, whose metadata are about all files and may lie in another."""

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hcs_stream.microscopes._tiff import open_tiff
from hcs_stream.microscopes._xml import local

if TYPE_CHECKING:
    from tifffile import TiffFile

AXES = "CZT"
MOST_OF_AN_AXIS = 1 << 31
MOST_NBYTES = 1 << 28
"""Of a file of metadata."""

Place = tuple[int, ...]
Entry = tuple[int, int, Place]
"""The first page, how many there are (0: all), and where the first lies: along `AXES`, and of which image."""


class Planes:
    """What metadata say of the planes of each file."""

    def __init__(self, text: str) -> None:
        self.files: dict[str, list[tuple[Element, Entry]]] = {}
        self.elsewhere = ""
        """The name of the file that has the metadata, if this one has not."""
        for number, element in enumerate(fromstring(text.encode())):
            if local(element.tag) == "BinaryOnly":
                self.elsewhere = Path(element.get("MetadataFile", "")).name
            for pixels in (child for child in element if local(child.tag) == "Pixels"):
                for name, entry in _entries(pixels, number):
                    self.files.setdefault(name.casefold(), []).append((pixels, entry))

    def places(self, name: str, pages: int) -> list[Place]:
        """Return where each page of a file lies along `AXES`, and of which image it is; none if unsaid."""
        found: dict[int, Place] = {}
        for pixels, (first, count, place) in self.files.get(name.casefold(), ()):
            for index in range(min(count or pages, pages)):
                found[first + index] = _moved(pixels, place, index)
        places = [found[page] for page in range(pages) if page in found]
        is_sound = all(0 <= number < MOST_OF_AN_AXIS for place in places for number in place)
        return places if is_sound and len(set(places)) == pages else []


def places_of(file: "TiffFile") -> list[Place]:
    """Return where each page of a file lies along ``CZT`` and among the images; none if that is not said."""
    text = file.ome_metadata
    if not text:
        return []
    path = Path(file.filehandle.path)
    try:
        planes = Planes(text)
        if planes.elsewhere:
            beside = path.with_name(planes.elsewhere)
            planes = _planes_at(beside, beside.stat().st_mtime_ns)
        return planes.places(path.name, len(file.pages))
    except (OSError, ParseError, DefusedXmlException, ValueError):
        return []


@lru_cache(4)
def _planes_at(path: Path, changed: int) -> Planes:
    """Read metadata that many files share, once."""
    if path.suffix.lower() in (".tif", ".tiff"):
        with open_tiff(path) as file:
            return Planes(file.ome_metadata or "")
    if path.stat().st_size > MOST_NBYTES or not path.is_file():
        raise ValueError(f"wanted metadata of OME, found {path.name!r}")
    return Planes(path.read_text(encoding="utf-8-sig"))


def _entries(pixels: Element, number: int) -> Iterator[tuple[str, Entry]]:
    for data in (child for child in pixels if local(child.tag) == "TiffData"):
        count = data.get("PlaneCount") or data.get("NumPlanes") or ("1" if "IFD" in data.attrib else "0")
        place = *(int(data.get(f"First{axis}", 0)) for axis in AXES), number
        for uuid in data:
            name = os.path.basename(uuid.get("FileName", ""))
            if name:
                yield name, (int(data.get("IFD", 0)), int(count), place)


def _moved(pixels: Element, place: Place, by: int) -> Place:
    """Return the place so many planes further, in the order in which the file has its dimensions."""
    *numbers, image = place
    at: dict[str, int] = dict(zip(AXES, numbers, strict=True))
    for axis in pixels.get("DimensionOrder", "XYCZT")[2:]:
        length = max(1, int(pixels.get(f"Size{axis}", 1)))
        by, at[axis] = divmod(at[axis] + by, length)
    return *(at[axis] for axis in AXES), image
