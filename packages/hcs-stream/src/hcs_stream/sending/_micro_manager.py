"""Which planes are in one file of Micro-Manager, MMStack or NDTiff, and not in the set that it is of."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hcs_protocol import natural_key

if TYPE_CHECKING:
    from tifffile import TiffFile

AXES = "CZTR"
"""Channel, z, timepoint and position: what the file's own index counts."""
WORDS = ("channel", "z", "time", "position")
"""The same in the words of NDTiff."""
COUNTERS = ("ChannelIndex", "SliceIndex", "FrameIndex", "PositionIndex")
"""The same beside each page, which is there when the index is not."""
TAG = 51123
MOST_OF_AN_AXIS = 1 << 31

Place = tuple[int, ...]


def places_of(file: "TiffFile") -> list[Place]:
    """Return where each page of a file lies along `AXES`, from 0 in the set; none if that is not said."""
    said = file.micromanager_metadata
    if not said:
        return []
    offsets = [page.offset for page in file.pages]
    index = {int(row[4]): tuple(map(int, row[:4])) for row in said.get("IndexMap", ())}
    is_whole = index.keys() >= {*offsets}
    places = [index[offset] for offset in offsets] if is_whole else _beside_pages(file)
    return places if len(set(places)) == len(places) else []


def lengths_of(places: Sequence[Place]) -> tuple[int, ...]:
    """Return how long each axis is; positions that are in other files of the set count for nothing."""
    *axes, positions = zip(*places, strict=True)
    return *(max(axis) + 1 for axis in axes), len(set(positions))


def _beside_pages(file: "TiffFile") -> list[Place]:
    beside = [_beside(file.pages[number].aspage().tags.valueof(TAG)) for number in range(len(file.pages))]
    columns = [_numbered(column) for column in zip(*beside, strict=True)]
    return list(zip(*columns, strict=True))


def _beside(said: object) -> tuple[object, ...]:
    if not isinstance(said, Mapping):
        return (0,) * len(AXES)
    axes = said.get("Axes")
    if isinstance(axes, Mapping):
        return tuple(axes.get(word, 0) for word in WORDS)
    return tuple(said.get(counter, 0) for counter in COUNTERS)


def _numbered(column: Sequence[object]) -> Sequence[int]:
    """Return numbers as they are, and ranks in place of names such as ``"DAPI"``."""
    whole = [value for value in column if isinstance(value, int) and 0 <= value < MOST_OF_AN_AXIS]
    if len(whole) == len(column):
        return whole
    ranks = {value: rank for rank, value in enumerate(sorted(map(str, {*column}), key=natural_key))}
    return [ranks[str(value)] for value in column]
