"""`ZarrPlate`: an OME-NGFF plate that several processes write at once.

Each plane is a file of its own, so that writers of planes never meet. What they share is metadata: which
wells and fields there are, and which value of z lies where. That changes seldom, under a lock beside the
plate, and each document is replaced as a whole: who reads sees the one before or the one after.
"""

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from hcs_protocol import FileRef, Kind, Step, natural_key
from hcs_stream._unreadable import UnreadableImageError

from ._backend import Pixels, Reference
from ._errors import ImageNotFoundError
from ._ngff import VERSIONS, Version
from ._pixels import check_described, check_lengths, height_and_width, host_pixels, is_coloured
from ._zarr_arrays import ArrayOptions, Levels
from ._zarr_documents import OWN
from ._zarr_fields import Catalogue, levels_of, refuse_foreign
from ._zarr_groups import metadata_lock, read_attributes, version_of
from ._zarr_places import Place, Plane, axis_value, channel_value, planes_of, several, well_path
from ._zarr_state import AxisValue, PlateState, Variant
from ._zarr_written import At, Written, candidates, places_in


class ZarrPlate:
    """One plate; safe to use from several threads, and its folder from several processes."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        name: str | None = None,
        source: str = "",
        step: Step | None = None,
        ngff: Version = "0.5",
        options: ArrayOptions = ArrayOptions(),  # noqa: B008  # frozen
    ) -> None:
        """Say where the plate is; nothing is written yet.

        Args:
            folder: The plate's, ``"Step_01_blur.zarr"``.
            name: The plate's in its metadata; else the folder's.
            source: The name of the plate of which these are results.
            step: Of a pipeline, which makes them.
            ngff: ``"0.5"`` (zarr v3) or ``"0.4"`` (zarr v2) of a new plate; one that is there keeps its own.
            options: How new arrays are laid out.
        """
        if ngff not in VERSIONS:
            raise ValueError(f"wanted the NGFF version {' or '.join(VERSIONS)}, found {ngff!r}")
        self.folder = Path(os.path.abspath(folder))
        self.name = name or self.folder.stem
        self._source = source
        self._step = step
        self.version: Version = version_of(self.folder) or ngff
        self._options = options
        self._lock = threading.RLock()
        self._known = self.state()
        self._levels: dict[tuple[str, str, str], Levels] = {}

    def declare(
        self,
        *,
        wells: Iterable[str] = (),
        channels: Iterable[AxisValue] = (),
        z_indexes: Iterable[AxisValue] = (),
        timepoints: Iterable[AxisValue] = (),
        pixel_size: float | tuple[float, float] | None = None,
        z_step: float | None = None,
        wavelengths: Mapping[str, float] | None = None,
    ) -> None:
        """Say what will come: arrays have their full extent from the start, and values their order.

        Undeclared values get places as they come: numbers from 1 on in order, others one after the other.

        Args:
            wells: Their rows and columns are listed from now on; wells themselves when they are written.
            channels: In the order in which they are to lie.
            z_indexes: All numbers of planes; None for images outside the stack.
            timepoints: All numbers.
            pixel_size: Height and width of a pixel, or both at once, in micrometres.
            z_step: Distance of two z-planes in micrometres.
            wavelengths: Of channels, in nanometres.

        Raises:
            InvalidComponentError: A well, a value or a length is none.
            UnsupportedArrayError: A length cannot be.
        """
        check_lengths(pixel_size, z_step, *(wavelengths or {}).values())
        with self._changing() as state:
            state.wells = sorted({*state.wells, *map(well_path, several(wells))}, key=natural_key)
            state.declare("c", map(channel_value, several(channels)))
            state.declare("z", map(axis_value, several(z_indexes)))
            state.declare("t", map(axis_value, several(timepoints)))
            state.pixel_size = height_and_width(pixel_size) or state.pixel_size
            state.z_step = float(z_step) if z_step else state.z_step
            lengths = (wavelengths or {}).items()
            state.wavelengths |= {str(channel_value(name)): float(length) for name, length in lengths}

    def write(
        self,
        components: Mapping[str, object],
        array: object,
        *,
        kind: Kind = "image",
        pixel_size: float | tuple[float, float] | None = None,
        z_step: float | None = None,
        emission_wavelength: float | None = None,
    ) -> Reference:
        """Write one image, in any order, from any process.

        Args:
            components: Its address; a well it must have. A stack ``(z, y, x)`` without a z_index fills the
                declared ones, or 1, 2, 3….
            array: Pixels of shape ``(y, x)``, ``(z, y, x)`` or ``(y, x, 3 or 4)``.
            kind: ``"labels"`` for integers that number objects.
            pixel_size: Height and width of a pixel, or both at once, in micrometres.
            z_step: Distance of two z-planes in micrometres.
            emission_wavelength: Of the light of its channel, in nanometres.

        Returns:
            The file of the plane, which a viewer can read by itself; None for stacks and colours, which are
            several planes.

        Raises:
            InvalidComponentError: It has no well, or one that is none.
            UnsupportedArrayError: It is no image, or not what the keywords say.
            StorageWriteError: There is no room, or no permission.
        """
        place, pixels = Place.of(components), host_pixels(array)
        check_described(
            pixels, kind=kind, pixel_size=pixel_size, z_step=z_step, emission_wavelength=emission_wavelength
        )
        self.learn(place, pixel_size, z_step, emission_wavelength)
        planes, written = self.reserve(place, pixels, kind=kind)
        written = self.write_at(place, planes, written)
        self._remove_others(place, written, labels=kind == "labels")
        return written.reference

    def reserve(self, place: Place, pixels: Pixels, *, kind: Kind = "image") -> tuple[list[Plane], Written]:
        """Return an image's planes, and where they will be; from now on, for all processes."""
        self._forget_if_removed()
        coloured, labels = is_coloured(pixels, kind), kind == "labels"
        z_indexes = self._z_indexes(len(pixels))
        planes = list(planes_of(pixels, place, coloured=coloured, z_indexes=z_indexes))
        name, places = self._places(place.t, planes, coloured=coloured, labels=labels)
        stacked = pixels.ndim == 3 and not coloured
        return planes, Written(variant=name, planes=tuple(places), coloured=coloured, stacked=stacked)

    def write_at(self, place: Place, planes: Sequence[Plane], written: Written) -> Written:
        """Write an image's planes where they belong; return that with the file of an image of one plane."""
        levels = self.field(place, written.variant)
        labels = self._known.variants[written.variant].labels
        files = [
            levels.write(at, plane.pixels, labels=labels)
            for at, plane in zip(written.planes, planes, strict=True)
        ]
        if written.stacked or written.coloured:
            return written
        return msgspec.structs.replace(written, reference=FileRef(path=str(files[0])))

    def _forget_if_removed(self) -> None:
        if self._known.variants and version_of(self.folder) is None:
            with self._lock:
                if version_of(self.folder) is None:  # still: another thread may have made it anew
                    self._known = PlateState()
                    self._levels.clear()

    def _remove_others(self, place: Place, written: Written, *, labels: bool) -> None:
        """Remove what was written here before in another dtype or size, or in more planes: it is replaced."""
        one_plane = not (written.stacked or written.coloured)
        for name, variant in self._known.variants.items():
            if variant.labels != labels or (name == written.variant and one_plane):
                continue
            kept = set(written.planes) if name == written.variant else set()
            levels = levels_of(self.folder, place, name, variant)
            for older in candidates(name, variant, place) if levels is not None else ():
                for at in set(older.planes) - kept if older.stacked == written.stacked else ():
                    levels.remove(at)  # type: ignore[union-attr]  # there are some

    def read(self, components: Mapping[str, object], *, kind: Kind = "image") -> Pixels:
        """Return one image, as it was written; the whole stack where nothing is said of z_index.

        Args:
            components: Its address.
            kind: ``"labels"`` for labels alone; ``"image"`` for labels only where there is no image.

        Raises:
            ImageNotFoundError: None was written there.
            UnreadableImageError: It is damaged.
        """
        place = Place.of(components)
        written = self.find(place, kind=kind)
        if written is None:
            raise ImageNotFoundError(f"an image of {dict(components)!r}", self.folder)
        return self.read_at(place, written)

    def read_at(self, place: Place, written: Written) -> Pixels:
        """Return the pixels of an image whose planes are known."""
        levels = self._opened(place, written.variant)
        if levels is None or not all(levels.has(at) for at in written.planes):
            raise ImageNotFoundError("an image", self.folder / place.well / place.field)
        planes = [levels.read(at) for at in written.planes]
        if written.coloured:
            return np.stack(planes, axis=-1)
        return np.stack(planes) if written.stacked else planes[0]

    def find(self, place: Place, *, kind: Kind = "image") -> Written | None:
        """Return where the image of a place lies, or its labels, as `read`; None if none was written."""
        variants = self.state().variants
        found = [
            (variants[written.variant].labels, written.stacked, written)
            for written in self._written_at(place, variants)
            if kind == "image" or variants[written.variant].labels
        ]
        return min(found, key=lambda each: each[:2], default=(False, False, None))[2]

    def _written_at(self, place: Place, variants: Mapping[str, Variant]) -> Iterator[Written]:
        """Yield all images of a place: the stack, its projection, the same in another dtype."""
        for name, variant in variants.items():
            levels = self._opened(place, name)
            if levels is None:
                continue
            for written in candidates(name, variant, place):
                there = tuple(at for at in written.planes if levels.has(at))
                if there and (written.stacked or there == written.planes):
                    yield msgspec.structs.replace(written, planes=there)

    def remove_at(self, place: Place, written: Written) -> None:
        """Remove an image's planes; their places stay."""
        levels = self._opened(place, written.variant)
        for at in written.planes if levels is not None else ():
            levels.remove(at)  # type: ignore[union-attr]  # without levels there is no plane

    def finalise(self) -> None:
        """Make the plate whole: metadata from what is on disk, all fields equally long, leftovers removed.

        Readers want arrays of one shape in all fields. Call it when all is written; a second time, or while
        others write, is harmless. It also mends what a writer left that was killed in between.
        """
        with self._changing() as state:
            self._catalogue(state).mend()
        self._levels.clear()

    def stretch(self) -> None:
        """Make all fields equally long; the rest of what `finalise` does takes longer the more there is."""
        with self._changing() as state:
            self._catalogue(state).stretch()

    def state(self) -> PlateState:
        """Return what the plate's metadata says now.

        Raises:
            UnreadableImageError: It is damaged.
        """
        try:
            return PlateState.from_json(read_attributes(self.folder).get(OWN))
        except ValueError as error:
            raise UnreadableImageError(self.folder, f"damaged metadata ({error})") from error

    @contextmanager
    def _changing(self) -> Iterator[PlateState]:
        """Lend the state while no other process changes it; what is changed is written."""
        with self._lock, metadata_lock(self.folder):
            refuse_foreign(self.folder)
            state = self.state()
            before = state.to_json()
            state.source, state.step = self._source or state.source, self._step or state.step
            yield state
            if state.to_json() != before or version_of(self.folder) is None:
                self._catalogue(state).write_plate()
            self._known = state

    def learn(
        self,
        place: Place,
        pixel_size: float | tuple[float, float] | None,
        z_step: float | None,
        emission_wavelength: float | None,
    ) -> None:
        """Take up what an image says of all; the first to say it is believed."""
        known, size = self._known, height_and_width(pixel_size)
        channel = "" if place.c is None else str(place.c)
        new_wavelength = emission_wavelength is not None and channel not in known.wavelengths
        if not ((size and known.pixel_size is None) or (z_step and known.z_step is None) or new_wavelength):
            return
        with self._changing() as state:
            state.pixel_size = state.pixel_size or size
            state.z_step = state.z_step or (float(z_step) if z_step else None)
            if emission_wavelength is not None:
                state.wavelengths = {channel: float(emission_wavelength), **state.wavelengths}

    def _z_indexes(self, count: int) -> Sequence[AxisValue]:
        declared = [value for value in self._known.declared.get("z", []) if value is not None]
        return declared if len(declared) == count else range(1, count + 1)

    def _places(
        self, t: AxisValue, planes: Sequence[Plane], *, coloured: bool, labels: bool
    ) -> tuple[str, list[At]]:
        """Return variant and places of planes; what has none yet gets one, for all processes."""
        found = places_in(self._known, t, planes, coloured=coloured, labels=labels)
        if found is not None:
            return found
        with self._changing() as state:
            first = planes[0]
            name = state.find(first.pixels, first.z, coloured=coloured, labels=labels)
            if name is None:
                levels = self._options.level_count(*first.pixels.shape)
                name = state.add(first.pixels, first.z, coloured=coloured, labels=labels, levels=levels)
            return name, [state.variants[name].make_place(t, plane.c, plane.z) for plane in planes]

    def field(self, place: Place, name: str) -> Levels:
        """Return the arrays of a field, made or grown where needed."""
        field = place.well, place.field, name
        with self._lock:
            levels, extent = self._levels.get(field), self._known.variants[name].extent
            if levels is None or not (levels.are_there() and levels.covers(extent)):
                with metadata_lock(self.folder):
                    state = self._known = self.state()
                    group = self._catalogue(state).add(place, name, self._options)
                    levels = self._levels[field] = _levels(group)
                    levels.grow(state.variants[name].extent)
            return levels

    def _opened(self, place: Place, name: str) -> Levels | None:
        variant = self.state().variants.get(name)
        return None if variant is None else levels_of(self.folder, place, name, variant)

    def _catalogue(self, state: PlateState) -> Catalogue:
        return Catalogue(self.folder, self.version, self.name, state)


def _levels(group: Path) -> Levels:
    found = Levels.of(group)
    if found is None:
        raise UnreadableImageError(group, "metadata of arrays that are gone")
    return found
