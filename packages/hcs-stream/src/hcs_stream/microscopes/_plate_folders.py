"""Which folder is the plate's, of images whose plate neither their names nor metadata say."""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TypeAlias

from ._grammar import ParsedName
from ._names import is_part
from ._parsing import Group
from ._wells import well_of

Place: TypeAlias = tuple[str, ...]
"""The folder of a plate, by all folders that lead to it."""
Address: TypeAlias = tuple[str, int | None, str, int | None, int | None]

_WELL = re.compile(r"(?:well[ _-]*)?([A-Z]{1,2})[ _-]*([0-9]{1,3})", re.IGNORECASE)
_ROW = re.compile(r"(?:row[ _-]*)?([A-Z]{1,2})", re.IGNORECASE)
_COUNTED = re.compile(
    r"(?:(?:well|row|col(?:umn)?|field|fov|site|pos(?:ition)?|channel|ch|time(?:point)?|plane|[wfstzc])"
    r"[ _-]*[0-9]+[ _-]*)+",
    re.IGNORECASE,
)


def place_of(parts: Place) -> Place:
    """Return a folder without those at its end that always stand for a part of a plate."""
    while len(parts) > 1 and is_part(parts[-1]):
        parts = parts[:-1]
    return parts


def plate_folders(groups: Sequence[Group]) -> Mapping[Place, Place]:
    """Return the folder of the plate for each folder, as `place_of` returns it.

    A folder is a plate of its own, but a part of the one above if that has images itself, if folders beside
    it have other images of the same wells, or if it or the one above is called like its well or row, or
    counts wells, sites and so on. It is none if images would then have one address.
    """
    found: dict[Place, set[Address]] = {}
    for group in groups:
        found.setdefault(place_of(group.folder.parts), set()).update(map(address, group.found))
    above = {place: place for place in found}
    for depth in range(max((len(place) for place in found), default=0), 1, -1):
        below: dict[Place, list[Place]] = {}
        for place in found:
            if len(place) == depth:
                below.setdefault(place[:-1], []).append(place)
        for parent, places in below.items():
            for place in _parts(parent, places, found):
                found.setdefault(parent, set()).update(found.pop(place))
                above[place] = parent
    return {place: _top(place, above) for place in above}


def address(name: ParsedName) -> Address:
    """Return where on its plate an image is."""
    return name.well, name.site, name.channel, name.z_index, name.timepoint


def overlap(sets: Iterable[Set[object]]) -> bool:
    """Say whether some have something in common."""
    several = list(sets)
    return len(set[object]().union(*several)) < sum(map(len, several))


def _top(place: Place, above: Mapping[Place, Place]) -> Place:
    while above.get(place, place) != place:
        place = above[place]
    return place


def _parts(parent: Place, places: Sequence[Place], found: Mapping[Place, set[Address]]) -> Sequence[Place]:
    """Return those of the folders in one folder that are parts of its plate."""
    if overlap(found[place] for place in (parent, *places) if place in found):
        return []
    wells = {place: {well for well, *_ in found[place]} for place in places}
    is_in_part = len(parent) > 1 and _is_called_part(parent[-1], set().union(*wells.values()))
    if parent in found or is_in_part or overlap(wells.values()):
        return places
    return [place for place in places if _is_called_part(place[-1], wells[place])]


def _is_called_part(folder: str, wells: set[str]) -> bool:
    if (named := _WELL.fullmatch(folder)) and wells == {well_of(named[1] + named[2])}:
        return True
    if (row := _ROW.fullmatch(folder)) and {well.rstrip("0123456789") for well in wells} == {row[1].upper()}:
        return True
    return _COUNTED.fullmatch(folder) is not None
