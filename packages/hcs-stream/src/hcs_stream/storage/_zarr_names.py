"""Which path an image was saved under: kept with the group that it lies in, so that paths find it again.

A name is written down before its pixels are: who wants the same planes for another name sees that they are
taken. So a name may be there without its image: while that is written, or if its writer was killed.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from hcs_stream._unreadable import UnreadableImageError

from ._zarr_arrays import chunk_files
from ._zarr_documents import Kept, own_of, with_names
from ._zarr_fields import group_of, images_on_disk, known
from ._zarr_groups import metadata_lock, read_attributes, write_attributes
from ._zarr_places import Place
from ._zarr_plate import ZarrPlate
from ._zarr_written import At, Written


class Found(msgspec.Struct, frozen=True):
    """An image's place on a plate."""

    place: Place
    written: Written

    def is_where(self, other: "Found") -> bool:
        """Say whether both have the same planes."""
        return self.planes == other.planes

    @property
    def planes(self) -> frozenset[tuple[str, str, str, At]]:
        """Well, field, variant and place of each plane."""
        field = self.place.well, self.place.field, self.written.variant
        return frozenset((*field, at) for at in self.written.planes)


def names_of(plate: ZarrPlate, only: str | None = None) -> Iterator[tuple[str, Found]]:
    """Yield all names on a plate, or one, and where their images lie; without those that are not there."""
    for group, own in images_on_disk(plate.folder):
        files, place = chunk_files(group / "0"), Place(own.well, own.field)
        for name, kept in own.names.items():
            if only in {None, name} and files is not None and all(map(files.has, kept.planes)):
                yield name, Found(place, _written(own.variant or "", kept))


def named(plate: ZarrPlate, place: Place, name: str) -> Iterator[Found]:
    """Yield where at this place an image of this name lies, or is to lie."""
    for variant in plate.state().variants:
        own = own_of(_group(plate, place, variant))
        if own is not None and own.is_of(place.field, variant) and name in own.names:
            yield Found(place, _written(variant, own.names[name]))


def is_there(plate: ZarrPlate, found: Found) -> bool:
    """Say whether an image was written, all of it."""
    files = chunk_files(_group(plate, found.place, found.written.variant) / "0")
    return files is not None and all(map(files.has, found.written.planes))


def is_another(plate: ZarrPlate, found: Found, name: str) -> bool:
    """Say whether these planes are known by other names, and not by this one."""
    own = own_of(_group(plate, found.place, found.written.variant))
    others = () if own is None else (kept for other, kept in own.names.items() if other != name)
    return not {at for kept in others for at in kept.planes}.isdisjoint(found.written.planes)


def claim(plate: ZarrPlate, wanted: Mapping[str, Found]) -> set[str]:
    """Write down the names of images that are to be written; return those that got their planes.

    The others' planes, or some of them, belong to other names.

    Raises:
        StorageWriteError: They could not be written down.
    """
    by_group: dict[Path, dict[str, Written]] = {}
    for name, found in wanted.items():
        group = plate.field(found.place, found.written.variant).folder
        by_group.setdefault(group, {})[name] = found.written
    got: set[str] = set()
    for group, images in by_group.items():
        with _changing(plate, group) as names:
            owner = {at: name for name, kept in names.items() for at in kept.planes}
            for name, written in images.items():
                if all(owner.get(at, name) == name for at in written.planes):
                    names[name] = _kept(written)
                    owner |= dict.fromkeys(written.planes, name)
                    got.add(name)
    return got


def forget(plate: ZarrPlate, name: str, found: Found) -> None:
    """Remove an image and strike out its name; planes stay that belong to another one, or to a newer one.

    Raises:
        StorageWriteError: There is no permission.
    """
    with _changing(plate, _group(plate, found.place, found.written.variant)) as names:
        if names.get(name) == _kept(found.written):
            del names[name]
        taken = {at for kept in names.values() for at in kept.planes}
        free = tuple(at for at in found.written.planes if at not in taken)
        plate.remove_at(found.place, msgspec.structs.replace(found.written, planes=free))


@contextmanager
def _changing(plate: ZarrPlate, group: Path) -> Iterator[dict[str, Kept]]:
    """Lend a group's names while no other process changes them; what is changed is written."""
    with metadata_lock(plate.folder):
        own = own_of(group)
        if own is None:
            raise UnreadableImageError(group, "metadata of arrays that are gone")
        names = dict(own.names)
        yield names
        if names != own.names:
            write_attributes(group, plate.version, with_names(read_attributes(group), names))


def _group(plate: ZarrPlate, place: Place, variant: str) -> Path:
    return group_of(plate.folder, place, variant, known(plate.folder, plate.state(), variant))


def _kept(written: Written) -> Kept:
    return Kept(planes=written.planes, coloured=written.coloured, stacked=written.stacked)


def _written(variant: str, kept: Kept) -> Written:
    return Written(variant=variant, planes=kept.planes, coloured=kept.coloured, stacked=kept.stacked)
