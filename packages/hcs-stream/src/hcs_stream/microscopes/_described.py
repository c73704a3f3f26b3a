"""Images under the names that their plates' metadata give to channels and plates."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from hcs_protocol import natural_key
from hcs_stream._unicode import readable

from ._channels import tell_apart
from ._grammar import Description, Grammar, Wanted
from ._image_file import ImageFile
from ._images import Images, NamedGroup
from ._names import plate_folder
from ._parsing import File, Group, Sorted
from ._pattern_grammar import Pattern
from ._plate_folders import Address, Place, address, overlap, place_of, plate_folders
from ._twins import tell_apart_images

LEAST, MOST = 1e-6, 1e6
"""What can be a length in µm, or a wavelength in nm, that a viewer can use."""


class Lengths(msgspec.Struct, frozen=True):
    """How far apart the pixels of a plate are, in µm, as far as its metadata say it."""

    pixel_size: tuple[float, float] | None = None
    """Height and width."""
    z_step: float | None = None


class Described(msgspec.Struct):
    """Images and what is known of them."""

    images: Sequence[ImageFile] = ()
    plates: set[str] = set()
    pixel_size: tuple[float, float] | None = None
    z_step: float | None = None
    wavelengths: dict[str, float] = {}
    lengths: dict[str, Lengths] = {}
    """By plate: one of several may have been imaged with another objective."""
    unread: list[Path] = []
    unreadable: dict[Path, str] = {}
    """What has images that cannot be read, and why."""
    twins: list[File] = []
    """Images left out: another one has their address."""

    def learn(self, said: Description, plates: Iterable[str] = ()) -> None:
        """Take up lengths that nobody has said yet, of these plates too; zero is "not calibrated"."""
        pixel_size, z_step = said.pixel_size, said.z_step
        if pixel_size is not None and not all(map(_is_length, pixel_size)):
            pixel_size = None
        if z_step is not None:
            z_step = abs(z_step) if _is_length(abs(z_step)) else None  # a stack may be taken downwards
        self.pixel_size = self.pixel_size or pixel_size
        self.z_step = self.z_step or z_step
        for plate in plates:
            known = self.lengths.get(plate, Lengths())
            self.lengths[plate] = Lengths(known.pixel_size or pixel_size, known.z_step or z_step)

    def learn_wavelengths(self, said: Mapping[str, float]) -> None:
        """Take up those of channels, by their names here, of which nobody has said it yet."""
        for channel, wavelength in said.items():
            if 1 <= wavelength <= MOST:
                self.wavelengths.setdefault(channel, wavelength)


class Said(msgspec.Struct, frozen=True):
    """Images in one folder, with the name of their plate and of its channels."""

    group: Group
    channels: dict[str, str]
    plate: str
    """That of images whose names say none."""
    place: Place
    """The folder of the plate."""
    is_named: bool
    """Whether metadata say that name, and not the folder."""

    def plates(self) -> dict[str | None, str]:
        """Return the name of the plate by the name in the file's name."""
        return {name: self.plate if name is None else name for name in {f.plate for f in self.group.found}}


def _is_length(length: float) -> bool:
    return LEAST <= length <= MOST


def describe(done: Sorted, plate: str) -> Described:
    """Read the metadata of each plate and return its images.

    Args:
        done: The names, parsed.
        plate: The name of the folder that all lie in, for a plate that neither names nor metadata say.
    """
    described = Described()
    told: list[tuple[Group, dict[str, str], str | None]] = []
    descriptions: list[Description] = []
    for grammar, files, groups in _by_description(done):
        wanted = _wanted(groups)
        description = grammar.describe(files, wanted)
        known = wanted.channels & description.channels.keys()
        channels = tell_apart({n: description.channels[n] for n in known}, wanted.channels)
        told.extend((group, channels, description.plate) for group in groups)
        descriptions.extend(description for _ in groups)
        _add(described, description, channels, wanted)
    named = _named(_said(told, plate))
    described.plates = {plate for group in named for plate in group.plates.values()}
    for group, description in zip(named, descriptions, strict=True):
        described.learn(description, group.plates.values())
    described.images = images = Images(named)
    if images.has_twins:
        apart = tell_apart_images(named)
        described.images, described.twins = Images(apart.groups), apart.twins
        for name, channel in apart.renamed.items():
            if channel in described.wavelengths:
                described.wavelengths[name] = described.wavelengths[channel]
    return described


def _said(told: Sequence[tuple[Group, dict[str, str], str | None]], plate: str) -> list[Said]:
    nameless = [
        group
        for group, _, name in told
        if not (name or _place_in_pattern(group)) and any(found.plate is None for found in group.found)
    ]
    folders = plate_folders(nameless)
    said: list[Said] = []
    for group, channels, name in told:
        place = place_of(group.folder.parts)
        place = folders.get(place, place)
        folder = readable(place[-1]) if len(place) > 1 else plate
        place, folder = _place_in_pattern(group) or (place, folder)
        said.append(Said(group, channels, name or folder, place, is_named=bool(name)))
    return said


def _place_in_pattern(group: Group) -> tuple[Place, str] | None:
    """Return the folder of the plate and its name, if a pattern says which folders are parts of it."""
    grammar, parts = group.grammar, group.folder.parts
    if not isinstance(grammar, Pattern) or not grammar.depth:
        return None
    place = place_of(parts[: max(1, len(parts) - grammar.depth)])
    return place, readable(plate_folder(grammar.above_plate(parts)))


def _by_description(done: Sorted) -> Iterator[tuple[Grammar, list[Path], list[Group]]]:
    """Yield groups that the same files describe; those that none does, plate by plate."""
    described: dict[tuple[str, Place, Place], list[Group]] = {}
    for group in done.groups:
        place = _describing(group, list(done.metadata.get(group.grammar.name, {})))
        key = group.grammar.name, place, () if place else place_of(group.folder.parts)
        described.setdefault(key, []).append(group)
    for (maker, place, _), groups in described.items():
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
    described.unread.extend(said.unread)
    known = wanted.channels & said.wavelengths.keys()
    described.learn_wavelengths({channels.get(number, number): said.wavelengths[number] for number in known})


def _named(several: Sequence[Said]) -> list[NamedGroup]:
    """Give plates of one name in several folders names of their own.

    Where files say the name, only if their images would get mixed up.
    """
    apart = _colliding(several) if len({said.place for said in several}) > 1 else set()
    return [
        NamedGroup(
            group=said.group,
            plates={
                name: f"{plate} ({readable('/'.join(said.place[1:]))})"
                if plate in apart and said.place[1:]
                else plate
                for name, plate in said.plates().items()
            },
            channels=said.channels,
        )
        for said in several
    ]


def _colliding(several: Sequence[Said]) -> set[str]:
    addresses: dict[str, dict[Place, set[Address]]] = {}
    after_folders: set[tuple[str, Place]] = set()
    for said in several:
        plates = said.plates()
        if None in plates and not said.is_named:
            after_folders.add((said.plate, said.place))
        for name in said.group.found:
            addresses.setdefault(plates[name.plate], {}).setdefault(said.place, set()).add(address(name))
    counts = Counter(plate for plate, _ in after_folders)
    return {plate for plate, found in addresses.items() if counts[plate] > 1 or overlap(found.values())}
