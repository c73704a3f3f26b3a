"""Images under the names that their plates' metadata give to channels and plates."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from hcs_protocol import natural_key
from hcs_stream._unicode import readable

from ._channels import tell_apart
from ._grammar import Description, Grammar, Wanted
from ._image_file import ImageFile
from ._images import Images, NamedGroup
from ._names import is_part
from ._parsing import File, Group, Sorted
from ._twins import tell_apart_images

LEAST, MOST = 1e-6, 1e6
"""What can be a length in µm, or a wavelength in nm, that a viewer can use."""
Place = tuple[str, ...]
"""The folder of a plate, by all folders that lead to it."""


class Described(msgspec.Struct):
    """Images and what is known of them."""

    images: Sequence[ImageFile] = ()
    plates: set[str] = set()
    pixel_size: tuple[float, float] | None = None
    z_step: float | None = None
    wavelengths: dict[str, float] = {}
    unread: list[Path] = []
    unreadable: dict[Path, str] = {}
    """What has images that cannot be read, and why."""
    twins: list[File] = []
    """Images left out: another one has their address."""

    def learn(self, said: Description) -> None:
        """Take up lengths that nobody has said yet; zero stands for "not calibrated"."""
        if said.pixel_size is not None and all(map(_is_length, said.pixel_size)):
            self.pixel_size = self.pixel_size or said.pixel_size
        if said.z_step is not None and _is_length(abs(said.z_step)):  # a stack may be taken downwards
            self.z_step = self.z_step or abs(said.z_step)


class Said(msgspec.Struct, frozen=True):
    """Images in one folder, with the name of their plate and of its channels."""

    group: Group
    plate: str
    channels: dict[str, str]

    def plates(self) -> dict[str | None, str]:
        """Return the name of the plate by the name in the file's name."""
        return {name: self.plate if name is None else name for name in {f.plate for f in self.group.found}}

    def place(self) -> Place:
        """Return the folder of the plate: without those that stand for planes."""
        parts = self.group.folder.parts
        while len(parts) > 1 and is_part(parts[-1]):
            parts = parts[:-1]
        return parts


def _is_length(length: float) -> bool:
    return LEAST <= length <= MOST


def describe(done: Sorted, plate: str) -> Described:
    """Read the metadata of each plate and return its images.

    Args:
        done: The names, parsed.
        plate: The name of a plate that neither names nor metadata say.
    """
    described = Described()
    said: list[Said] = []
    for grammar, files, groups in _by_description(done):
        wanted = _wanted(groups)
        description = grammar.describe(files, wanted)
        known = wanted.channels & description.channels.keys()
        channels = tell_apart({number: description.channels[number] for number in known})
        said.extend(Said(group, description.plate or plate, channels) for group in groups)
        _add(described, description, channels, wanted)
    named = _named(said)
    described.plates = {plate for group in named for plate in group.plates.values()}
    described.images = images = Images(named)
    if images.has_twins:
        apart = tell_apart_images(named)
        described.images, described.twins = Images(apart.groups), apart.twins
        for name, channel in apart.renamed.items():
            if channel in described.wavelengths:
                described.wavelengths[name] = described.wavelengths[channel]
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
    described.learn(said)
    described.unread.extend(said.unread)
    for number in wanted.channels & said.wavelengths.keys():
        if 1 <= said.wavelengths[number] <= MOST:
            described.wavelengths.setdefault(channels.get(number, number), said.wavelengths[number])


def _named(several: Sequence[Said]) -> list[NamedGroup]:
    """Give plates of one name in several folders names of their own if their images would get mixed up."""
    places = [said.place() for said in several]
    apart = _colliding(several, places) if len(set(places)) > 1 else set()
    return [
        NamedGroup(
            group=said.group,
            plates={
                name: f"{plate} ({readable('/'.join(place[1:]))})" if plate in apart and place[1:] else plate
                for name, plate in said.plates().items()
            },
            channels=said.channels,
        )
        for said, place in zip(several, places, strict=True)
    ]


def _colliding(several: Sequence[Said], places: Sequence[Place]) -> set[str]:
    addresses: dict[str, dict[Place, set[tuple[object, ...]]]] = {}
    for said, place in zip(several, places, strict=True):
        plates = said.plates()
        for name in said.group.found:
            here = addresses.setdefault(plates[name.plate], {}).setdefault(place, set())
            here.add((name.well, name.site, name.channel, name.z_index, name.timepoint))
    return {plate for plate, found in addresses.items() if _overlap(list(found.values()))}


def _overlap(sets: Sequence[set[tuple[object, ...]]]) -> bool:
    return len(set().union(*sets)) < sum(map(len, sets))
