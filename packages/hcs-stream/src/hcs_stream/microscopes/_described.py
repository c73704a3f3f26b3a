"""Images under the names that their plates' metadata give to channels and plates."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from hcs_protocol import natural_key

from ._channels import tell_apart
from ._grammar import Description, Grammar, ParsedName, Wanted
from ._image_file import ImageFile
from ._names import is_part
from ._parsing import Group, Sorted

Place = tuple[str, ...]
"""The folder of a plate, by all folders that lead to it."""


class Described(msgspec.Struct):
    """Images and what is known of them."""

    images: list[ImageFile] = []
    pixel_size: tuple[float, float] | None = None
    z_step: float | None = None
    wavelengths: dict[str, float] = {}
    unread: list[Path] = []


class Named(msgspec.Struct, frozen=True):
    """Images in one folder, with what their metadata say."""

    group: Group
    plate: str
    """For names that leave it out."""
    channels: dict[str, str]

    @property
    def place(self) -> Place:
        """The folder of the plate: without those that stand for planes."""
        parts = self.group.folder.parts
        while len(parts) > 1 and is_part(parts[-1]):
            parts = parts[:-1]
        return parts


def describe(done: Sorted, plate: str) -> Described:
    """Read the metadata of each plate and return its images.

    Args:
        done: The names, parsed.
        plate: The name of a plate that neither names nor metadata say.
    """
    described = Described()
    named: list[Named] = []
    for grammar, files, groups in _by_description(done):
        wanted = _wanted(groups)
        said = grammar.describe(files, wanted)
        channels = tell_apart({key: said.channels[key] for key in wanted.channels & said.channels.keys()})
        named.extend(Named(group, said.plate or plate, channels) for group in groups)
        _add(described, said, channels, wanted)
    renamed = _plates_apart(named)
    for each in named:
        described.images.extend(_images(each, renamed))
    return described


def _by_description(done: Sorted) -> Iterator[tuple[Grammar, list[Path], list[Group]]]:
    described: dict[tuple[str, Place], list[Group]] = {}
    for group in done.groups:
        key = group.grammar.name, _describing(group, list(done.metadata.get(group.grammar.name, {})))
        described.setdefault(key, []).append(group)
    for (maker, place), groups in described.items():
        files = done.metadata.get(maker, {}).get(place, [])
        yield groups[0].grammar, sorted(files, key=natural_key), groups


def _describing(group: Group, places: list[Place]) -> Place:
    """Return the folder whose metadata are about a group: its own or the nearest above, else the only one."""
    parts = group.folder.parts
    above = [place for place in places if parts[: len(place)] == place]
    if above:
        return max(above, key=len)
    return places[0] if len(places) == 1 else ()


def _wanted(groups: Sequence[Group]) -> Wanted:
    planes = {found.z_index for group in groups for found in group.found} - {None}
    return Wanted(
        channels=frozenset(found.channel for group in groups for found in group.found),
        has_stacks=len(planes) > 1,
        example=groups[0].folder.path / groups[0].names[0],
    )


def _add(described: Described, said: Description, channels: dict[str, str], wanted: Wanted) -> None:
    described.pixel_size = described.pixel_size or said.pixel_size
    described.z_step = described.z_step or said.z_step
    described.unread.extend(said.unread)
    for number in wanted.channels & said.wavelengths.keys():
        described.wavelengths.setdefault(channels.get(number, number), said.wavelengths[number])


def _plates_apart(named: Sequence[Named]) -> dict[tuple[str, Place], str]:
    """Return new names for plates of one name in several folders, if their images have the same addresses."""
    places: dict[str, dict[Place, list[ParsedName]]] = {}
    if len({each.place for each in named}) > 1:
        for each in named:
            for found in each.group.found:
                here = places.setdefault(each.plate if found.plate is None else found.plate, {})
                here.setdefault(each.place, []).append(found)
    return {
        (plate, place): f"{plate} ({'/'.join(place[1:])})"
        for plate, found_at in places.items()
        if _collide(list(found_at.values()))
        for place in found_at
        if len(place) > 1
    }


def _collide(several: Sequence[Sequence[ParsedName]]) -> bool:
    addresses = [
        {(found.well, found.site, found.channel, found.z_index, found.timepoint) for found in names}
        for names in several
    ]
    return len(set().union(*addresses)) < sum(map(len, addresses))


def _images(named: Named, renamed: dict[tuple[str, Place], str]) -> Iterator[ImageFile]:
    folder, channels, place = named.group.folder.path, named.channels, named.place
    for name, found in zip(named.group.names, named.group.found, strict=True):
        plate = named.plate if found.plate is None else found.plate
        yield ImageFile(
            path=folder / name,
            plate=renamed.get((plate, place), plate) if renamed else plate,
            well=found.well,
            site=found.site,
            channel=channels.get(found.channel, found.channel),
            z_index=found.z_index,
            timepoint=found.timepoint,
        )
