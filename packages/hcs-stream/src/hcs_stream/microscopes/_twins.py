"""Images of one address: told apart by what else their names say, or left out by name, but never mixed up."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from ._grammar import ParsedName
from ._images import NamedGroup
from ._parsing import TIFF, File

Address: TypeAlias = tuple[object, ...]
"""Plate, channel, and what else an image's place on the plate is."""
Moment: TypeAlias = tuple[int, int, int]


class Apart(msgspec.Struct, frozen=True):
    """Images of which no two have one address."""

    groups: list[NamedGroup]
    twins: list[File]
    """Images left out: another one has their address."""
    renamed: dict[str, str]
    """Channels by the names that they have now."""


def tell_apart_images(groups: Sequence[NamedGroup]) -> Apart:
    """Tell images of one address apart.

    Images of several series, or fast one after the other, have timepoints that go on; those of several
    acquisitions, or taken several times in one, are channels of their own, ``"DAPI (step 2)"``. Of others
    only the first by path is kept, and of a TIFF and a PNG the TIFF.
    """
    groups = _with_moments(groups, _mixed(groups, lambda found: (found.series, found.frame)))
    renamed: dict[str, str] = {}
    for what in (_acquisition, _take):
        channels = {(plate, channel) for plate, channel, *_ in _mixed(groups, what)}
        groups = [_with_channels(group, channels, what, renamed) for group in groups]
    return _without_twins(groups, renamed)


def _acquisition(found: ParsedName) -> str:
    return found.acquisition


def _take(found: ParsedName) -> str:
    return found.take


def _mixed(groups: Sequence[NamedGroup], what: Callable[[ParsedName], object]) -> set[Address]:
    """Return the addresses of which there are images that are different in this."""
    known: dict[Address, object] = {}
    return {
        address
        for group in groups
        for address, found in _addresses(group)
        if known.setdefault(address, what(found)) != what(found)
    }


def _addresses(group: NamedGroup) -> Iterator[tuple[Address, ParsedName]]:
    plates, channels = group.plates, group.channels
    for found in group.group.found:
        channel = channels.get(found.channel, found.channel)
        place = found.well, found.site, found.z_index, found.timepoint
        yield (plates[found.plate], channel, *place), found


def _with_moments(groups: Sequence[NamedGroup], mixed: set[Address]) -> Sequence[NamedGroup]:
    plates = {address[0] for address in mixed}
    if not plates:
        return groups
    moments: dict[object, set[Moment]] = {plate: set() for plate in plates}
    for group in groups:
        for (plate, *_), found in _addresses(group):
            if plate in plates:
                moments[plate].add(_moment(found))
    timepoints = {plate: _counted(found) for plate, found in moments.items()}
    return [_with_timepoints(group, timepoints) for group in groups]


def _moment(found: ParsedName) -> Moment:
    return found.series, 1 if found.timepoint is None else found.timepoint, found.frame


def _counted(moments: set[Moment]) -> dict[Moment, int]:
    first = min(timepoint for _, timepoint, _ in moments)
    return {moment: number for number, moment in enumerate(sorted(moments), first)}


def _with_timepoints(group: NamedGroup, timepoints: Mapping[object, Mapping[Moment, int]]) -> NamedGroup:
    return _with_found(
        group,
        [
            msgspec.structs.replace(found, timepoint=timepoints[plate][_moment(found)])
            if plate in timepoints
            else found
            for (plate, *_), found in _addresses(group)
        ],
    )


def _with_channels(
    group: NamedGroup,
    wanted: set[tuple[object, object]],
    what: Callable[[ParsedName], str],
    renamed: dict[str, str],
) -> NamedGroup:
    names: list[ParsedName] = []
    for (plate, channel, *_), found in _addresses(group):
        if (plate, channel) in wanted and (said := what(found)):
            name = f"{channel} ({said})"
            renamed[name] = str(channel)
            found = msgspec.structs.replace(found, channel=name)
        names.append(found)
    return _with_found(group, names)


def _with_found(group: NamedGroup, found: list[ParsedName]) -> NamedGroup:
    return msgspec.structs.replace(group, group=msgspec.structs.replace(group.group, found=found))


def _rank(file: File) -> tuple[bool, File]:
    """Rank pictures of other kinds, such as previews, behind a TIFF."""
    return not file[1].lower().endswith(TIFF), file


def _without_twins(groups: Sequence[NamedGroup], renamed: dict[str, str]) -> Apart:
    first: dict[Address, File] = {}
    for group in groups:
        folder = group.group.folder.path
        for name, (address, _) in zip(group.group.names, _addresses(group), strict=True):
            first[address] = min(first.get(address, (folder, name)), (folder, name), key=_rank)
    kept: list[NamedGroup] = []
    twins: list[File] = []
    for group in groups:
        folder = group.group.folder.path
        names: list[str] = []
        found: list[ParsedName] = []
        for name, (address, parsed) in zip(group.group.names, _addresses(group), strict=True):
            if first[address] == (folder, name):
                names.append(name)
                found.append(parsed)
            else:
                twins.append((folder, name))
        kept.append(
            msgspec.structs.replace(
                group, group=msgspec.structs.replace(group.group, names=names, found=found)
            )
        )
    return Apart(kept, sorted(twins), renamed)
