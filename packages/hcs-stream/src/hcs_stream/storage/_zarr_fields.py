"""A plate's documents: which wells and fields there are, and what they hold; all under the plate's lock."""

import errno
import logging
import os
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from hcs_stream._unreadable import UnreadableImageError
from hcs_stream.microscopes._folders import folders_in

from ._errors import StorageWriteError
from ._ngff import Json, Version, channel, image_document, plate_document, well_document
from ._pyramid import level_shapes
from ._zarr_arrays import ArrayOptions, Levels, create_levels
from ._zarr_documents import OWN, Own, content_at, own_of
from ._zarr_groups import ensure_group, is_array, read_attributes, version_of, write_attributes
from ._zarr_places import Place
from ._zarr_state import AxisValue, PlateState, Variant

logger = logging.getLogger(__name__)

LABELS = "labels"
PARTIAL = ".partial"
"""How the name ends of what zarr leaves of a file whose writer was killed."""
UNFINISHED = ".hcs-"
"""How names begin of what we leave then."""
ABANDONED_SECONDS = 3600.0
SAMPLED = 16
"""From how many fields contrast limits are taken."""


class Catalogue:
    """A plate's folder, with what its documents are made of."""

    def __init__(self, folder: Path, version: Version, name: str, state: PlateState) -> None:
        self.folder = folder
        self.version = version
        self.name = name
        self.state = state

    def add(self, place: Place, name: str, options: ArrayOptions) -> Path:
        """Make a field's arrays unless they are there, list field and well, and return the arrays' group.

        Raises:
            StorageWriteError: An image that another program wrote is there, or it could not be written.
            UnreadableImageError: The metadata that is there is damaged.
        """
        group = group_of(self.folder, place, name, known(self.folder, self.state, name))
        own = own_of(group)
        if own is None and read_attributes(group):
            raise StorageWriteError(group, errno.ENOTEMPTY, "another program's image is there")
        if own is not None and not own.is_of(place.field, name):
            group, own = self._move(place, name, group), None
        if own is None:
            self._make(place, group, name, options)
        if not name:
            self._list_field(place.well, group.name)
        return group

    def write_plate(self, wells: Iterable[str] = (), fields: int = 0) -> None:
        """Write the plate's document: the wells that it lists already, and these."""
        found = content_at(self.folder).plate
        listed = {well.path for well in found.wells} | set(wells)
        fields = max(fields, found.field_count)
        attributes = plate_document(self.version, self.name, sorted(listed), self.state.wells, fields)
        write_attributes(self.folder, self.version, {**attributes, OWN: self.state.to_json()})

    def stretch(self) -> list[tuple[Levels, Place, str]]:
        """Make the arrays of a variant equally long, describe what is on disk, and return that."""
        images = [
            (levels, Place(own.well, own.field), own.variant)
            for group, own in images_on_disk(self.folder)
            if own.variant in self.state.variants and (levels := Levels.of(group))
        ]
        for name, variant in self.state.variants.items():
            some = [levels for levels, _, other in images if other == name][:: max(1, len(images) // SAMPLED)]
            if not variant.labels:
                variant.limits |= _limits(some[:SAMPLED], variant)
        for levels, place, name in images:
            levels.grow(self.state.variants[name].extent)
            self._describe(levels.folder, place, name)
        return images

    def mend(self) -> None:
        """Write all documents from what is on disk, make the arrays of a variant equally long, sweep."""
        for variant in self.state.variants.values():
            variant.limits = {}
        images = self.stretch()
        filled = {levels.folder for levels, _, _ in images if levels.has_any()}
        shown = self._shown({name for levels, _, name in images if levels.folder in filled})
        fields: dict[str, list[str]] = {}
        hidden: set[Path] = set()
        for levels, place, name in images:
            if name == shown and levels.folder in filled:
                fields.setdefault(place.well, []).append(levels.folder.name)
            else:
                hidden.add(levels.folder)
        for well, found in fields.items():
            others = {field for field in _listed(self.folder / well) if self.folder / well / field in hidden}
            self._write_well(well, found, without=others)
        self.write_plate(fields, max(map(len, fields.values()), default=1))
        _sweep(self.folder)

    def _move(self, place: Place, name: str, taken: Path) -> Path:
        """Return a folder that no image has, from now on that of this field."""
        folders = (taken.with_name(f"{taken.name}x{number}") for number in count(2))
        group = next(folder for folder in folders if version_of(folder) is None)
        self.state.variants[name].elsewhere[f"{place.well}/{place.field}"] = group.name
        self.write_plate()
        return group

    def _make(self, place: Place, group: Path, name: str, options: ArrayOptions) -> None:
        variant = self.state.variants[name]
        well = self.folder / place.well
        for parent in (self.folder, well.parent, well, well / place.field):
            ensure_group(parent, self.version)
        create_levels(group, self.version, variant, options)
        self._describe(group, place, name, site=place.site)
        if name and variant.labels:
            self._list_labels(group)
        elif name:
            logger.info("images of another size or dtype lie beside the plate's group=%s", group)

    def _describe(self, group: Path, place: Place, name: str, **more: AxisValue) -> None:
        variant = self.state.variants[name]
        shapes = level_shapes(variant.height, variant.width, variant.levels)
        attributes = image_document(
            self.version,
            name=f"{self.name} {group.relative_to(self.folder).as_posix()}",
            zooms=[(variant.height / y, variant.width / x) for y, x in shapes],
            pixel_size=self.state.pixel_size,
            z_step=self.state.z_step,
            channels=self._channels(variant),
            labels=("../../" if name else "") if variant.labels else None,
        )
        before = read_attributes(group)
        own = {**before.get(OWN, {}), **more, "variant": name, "well": place.well, "field": place.field}
        after = {**attributes, OWN: own}
        if after != before:
            write_attributes(group, self.version, after)

    def _channels(self, variant: Variant) -> list[Json]:
        labels = ["" if value is None else str(value) for value in variant.c]
        wavelengths = self.state.wavelengths
        return [
            channel(place, label, variant.dtype, wavelengths.get(label), variant.limits.get(label))
            for place, label in enumerate(labels)
        ]

    def _list_field(self, well: str, field: str) -> None:
        listed = _listed(self.folder / well)
        if field not in listed:
            self._write_well(well, [field])
            self.write_plate([well], len(listed) + 1)

    def _shown(self, filled: Collection[str]) -> str:
        """Return the variant that readers see: the first, unless all of it was replaced by others.

        Args:
            filled: The variants of which there are images.
        """
        variants = sorted(self.state.variants.items(), key=lambda item: item[1].projection)
        others = (name for name, variant in variants if name and not variant.labels)
        return next((name for name in ("", *others) if name in filled), "")

    def _write_well(self, well: str, fields: Iterable[str], without: Collection[str] = ()) -> None:
        listed = {*_listed(self.folder / well), *fields}.difference(without)
        write_attributes(self.folder / well, self.version, well_document(self.version, sorted(listed)))

    def _list_labels(self, group: Path) -> None:
        listed = {*content_at(group.parent).labels, group.name}
        content = {LABELS: sorted(listed)}
        attributes = content if self.version == "0.4" else {"ome": {"version": self.version, **content}}
        write_attributes(group.parent, self.version, attributes)


def refuse_foreign(plate: Path) -> None:
    """Refuse to write where another program's plate, image or array is: what it says would be lost.

    Raises:
        StorageWriteError: One is.
    """
    attributes = read_attributes(plate)
    if is_array(plate) or (attributes and OWN not in attributes):
        raise StorageWriteError(plate, errno.ENOTEMPTY, "another program's zarr is there")


def known(plate: Path, state: PlateState, name: str) -> Variant:
    """Return a variant of a plate, of which other metadata speaks.

    Raises:
        UnreadableImageError: The plate's own does not know it.
    """
    if name not in state.variants:
        raise UnreadableImageError(plate, f"damaged metadata, with no images of the variant {name!r},")
    return state.variants[name]


def group_of(plate: Path, place: Place, name: str, variant: Variant) -> Path:
    """Return the folder of a field's images of one variant."""
    well = plate / place.well
    if name and variant.labels:
        return well / place.field / LABELS / name
    return well / variant.elsewhere.get(f"{place.well}/{place.field}", f"{place.field}{name}")


def levels_of(plate: Path, place: Place, name: str, variant: Variant) -> Levels | None:
    """Open a field's arrays of one variant; None if there are none."""
    group = group_of(plate, place, name, variant)
    own = own_of(group)
    return Levels.of(group) if own is not None and own.is_of(place.field, name) else None


def _listed(well: Path) -> list[str]:
    return [field.path for field in content_at(well).well.images]


def images_on_disk(plate: Path) -> Iterator[tuple[Path, Own]]:
    """Yield the groups of all images that were written here, and what they say of themselves."""
    for row in folders_in(plate):
        for well in folders_in(row):
            yield from images_in(well)


def images_in(well: Path) -> Iterator[tuple[Path, Own]]:
    """Yield the same of a well's folder."""
    fields = folders_in(well)
    for group in (*fields, *(below for field in fields for below in folders_in(field / LABELS))):
        own = own_of(group)
        if own is not None and own.variant is not None:
            yield group, own


def _limits(images: Sequence[Levels], variant: Variant) -> dict[str, tuple[float, float]]:
    """Return the grey values to draw as black and white, for each channel of which they are not known."""
    limits: dict[str, tuple[float, float]] = {}
    for c, value in enumerate(variant.c):
        label = "" if value is None else str(value)
        new = [] if label in variant.limits else images
        samples = [sample for levels in new for sample in levels.samples(c)]
        if samples:
            low, high = min(s[0] for s in samples), max(s[1] for s in samples)
            limits[label] = (low, high if high > low else low + 1.0)
    return limits


def _sweep(plate: Path) -> None:
    for place, folders, files in os.walk(plate):
        for name in (*folders, *files):
            if name.startswith(UNFINISHED) or name.endswith(PARTIAL):
                _remove_if_abandoned(Path(place, name))


def _remove_if_abandoned(leftover: Path) -> None:
    with suppress(OSError):
        if time.time() - leftover.stat().st_mtime <= ABANDONED_SECONDS:
            return
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink()
