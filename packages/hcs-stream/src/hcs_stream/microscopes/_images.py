"""The images of a plate, each made when it is asked for: a hundred thousand of them cost little."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

import msgspec

from ._grammar import ParsedName
from ._image_file import ImageFile
from ._on_demand import OnDemand
from ._parsing import Group
from ._sorting import natural_order


class NamedGroup(msgspec.Struct, frozen=True):
    """Images in one folder, with what their metadata say."""

    group: Group
    plates: dict[str | None, str]
    """The name of the plate by the name in the file's name."""
    channels: dict[str, str]
    """The name of a channel by its number."""

    def image(self, name: str, found: ParsedName) -> ImageFile:
        """Return the image of one name."""
        return ImageFile(
            path=self.group.folder.path / name,
            plate=self.plates[found.plate],
            well=found.well,
            site=found.site,
            channel=self.channels.get(found.channel, found.channel),
            z_index=found.z_index,
            timepoint=found.timepoint,
        )


class Images(OnDemand[ImageFile]):
    """Images in natural order of plate, well, site, channel, z_index, timepoint, then path."""

    def __init__(self, groups: Sequence[NamedGroup]) -> None:
        self._groups = groups
        self._ends = list(accumulate(len(named.group.names) for named in groups))
        self._order, self.has_twins = natural_order(_columns(groups), self._paths)

    def __len__(self) -> int:
        return len(self._order)

    def item(self, index: int) -> ImageFile:
        """Make one image."""
        place = self._order[index]
        position = bisect_right(self._ends, place)
        named = self._groups[position]
        inside = place - self._ends[position] + len(named.group.names)
        return named.image(named.group.names[inside], named.group.found[inside])

    def __iter__(self) -> Iterator[ImageFile]:
        groups = [named for named in self._groups for _ in named.group.names]
        names = [name for named in self._groups for name in named.group.names]
        found = [parsed for named in self._groups for parsed in named.group.found]
        for place in self._order:
            yield groups[place].image(names[place], found[place])

    def _paths(self) -> list[str]:
        pairs = [(str(named.group.folder.path), named.group.names) for named in self._groups]
        return [f"{folder}/{name}" for folder, names in pairs for name in names]


def _columns(groups: Sequence[NamedGroup]) -> list[list[object]]:
    pairs = [(named, named.group.found) for named in groups]
    return [
        [named.plates[name.plate] for named, found in pairs for name in found],
        [name.well for _, found in pairs for name in found],
        [name.site for _, found in pairs for name in found],
        [named.channels.get(name.channel, name.channel) for named, found in pairs for name in found],
        [name.z_index for _, found in pairs for name in found],
        [name.timepoint for _, found in pairs for name in found],
    ]
