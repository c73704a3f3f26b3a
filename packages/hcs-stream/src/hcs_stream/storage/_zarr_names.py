"""Which path an image was saved under: kept with the group that it lies in, so that paths find it again."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ._zarr_fields import OWN, group_of, images_on_disk
from ._zarr_groups import metadata_lock, read_attributes, write_attributes
from ._zarr_places import Place
from ._zarr_plate import ZarrPlate
from ._zarr_written import At, Written

NAMES = "names"


class Found(msgspec.Struct, frozen=True):
    """An image that lies on a plate."""

    place: Place
    written: Written

    def is_where(self, other: "Found") -> bool:
        """Say whether both have the same planes."""
        return self.planes == other.planes

    def overlaps(self, other: "Found") -> bool:
        """Say whether both have some plane."""
        return not self.planes.isdisjoint(other.planes)

    def without(self, other: "Found | None") -> Written:
        """Return the planes that the other does not have."""
        theirs = frozenset() if other is None else other.planes
        own = tuple(at for *_, at in sorted(self.planes - theirs))
        return msgspec.structs.replace(self.written, planes=own)

    @property
    def planes(self) -> frozenset[tuple[str, str, str, At]]:
        """Well, field, variant and place of each plane."""
        field = self.place.well, self.place.field, self.written.variant
        return frozenset((*field, at) for at in self.written.planes)


def names_of(plate: ZarrPlate) -> Iterator[tuple[str, Found]]:
    """Yield all names on a plate and where their images lie."""
    for _, own in images_on_disk(plate.folder):
        place = Place(own["well"], own["field"])
        for name, written in own.get(NAMES, {}).items():
            yield name, Found(place, _written(own["variant"], written))


def named(plate: ZarrPlate, place: Place, name: str) -> Found | None:
    """Return where the image of this name lies, if it lies at this place."""
    for group, variant in _groups(plate, place):
        written = read_attributes(group).get(OWN, {}).get(NAMES, {}).get(name)
        if written is not None:
            return Found(place, _written(variant, written))
    return None


def is_another(plate: ZarrPlate, place: Place, written: Written, name: str) -> bool:
    """Say whether these planes are known by other names, and not by this one."""
    variant = plate.state().variants[written.variant]
    group = group_of(plate.folder, place, written.variant, variant)
    names = read_attributes(group).get(OWN, {}).get(NAMES, {})
    others = {tuple(at) for other, found in names.items() if other != name for at in found["planes"]}
    return bool(others.intersection(written.planes))


def record(plate: ZarrPlate, new: Mapping[str, Found]) -> None:
    """Write down the names of images."""
    _change(plate, new, lambda names, name, written: names.__setitem__(name, _kept(written)))


def forget(plate: ZarrPlate, name: str, found: Found) -> None:
    """Strike out the name of an image that is gone."""
    _change(plate, {name: found}, lambda names, name, _: names.pop(name, None))


def _change(plate: ZarrPlate, images: Mapping[str, Found], change: Any) -> None:
    by_group: dict[Path, list[tuple[str, Written]]] = {}
    state = plate.state()
    for name, found in images.items():
        variant = state.variants[found.written.variant]
        group = group_of(plate.folder, found.place, found.written.variant, variant)
        by_group.setdefault(group, []).append((name, found.written))
    for group, entries in by_group.items():
        with metadata_lock(plate.folder):
            attributes = read_attributes(group)
            names = dict(attributes[OWN].get(NAMES, {}))
            for name, written in entries:
                change(names, name, written)
            if names != attributes[OWN].get(NAMES, {}):
                own = {**attributes[OWN], NAMES: names}
                write_attributes(group, plate.version, {**attributes, OWN: own})


def _groups(plate: ZarrPlate, place: Place) -> Iterator[tuple[Path, str]]:
    for name, variant in plate.state().variants.items():
        yield group_of(plate.folder, place, name, variant), name


def _kept(written: Written) -> dict[str, object]:
    kept: dict[str, object] = {"planes": [list(at) for at in written.planes]}
    flags = {"coloured": written.coloured, "stacked": written.stacked}
    return kept | {flag: True for flag, is_set in flags.items() if is_set}


def _written(variant: str, kept: Mapping[str, Any]) -> Written:
    return msgspec.convert({"variant": variant, **kept}, Written)
