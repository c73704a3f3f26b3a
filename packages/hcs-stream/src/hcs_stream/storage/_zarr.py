"""The backend ``zarr``: images as planes of an OME-NGFF plate."""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from hcs_protocol import Kind, natural_key

from ._backend import BatchBackend, Pixels, Reference
from ._errors import ImageNotFoundError, StorageWriteError, UnsafePathError, WrongBatchError
from ._ngff import Version
from ._zarr_arrays import CHUNK, ArrayOptions, Compressor
from ._zarr_fields import refuse_foreign
from ._zarr_groups import version_of
from ._zarr_loose import has_loose, loose_names, read_loose, remove_loose
from ._zarr_names import Found, forget, is_another, is_there, named, names_of
from ._zarr_paths import SUFFIX, PlatePath
from ._zarr_plate import ZarrPlate
from ._zarr_saves import UnsavedImage, prepared, together, write_several


class ZarrBackend(BatchBackend):
    """OME-NGFF plates: ``out/plate.zarr/A01_s1_w2.tif`` is a plane of ``out/plate.zarr/A/01/1``.

    Where no folder of the path ends in ``.zarr``, the plate lies in the image's folder and has its name:
    ``out/blur/A01_s1_w2.tif`` lies in ``out/blur/blur.zarr``. A name that no maker's grammar knows is an
    image of its own, ``out/plate.zarr/images/NAME``.
    """

    name = "zarr"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plates: dict[object, ZarrPlate] = {}

    def save_batch(
        self,
        data: Sequence[object],
        paths: Sequence[Path],
        *,
        kind: Kind = "image",
        components: Sequence[Mapping[str, object]] | None = None,
        maker: str | None = None,
        pixel_size: float | tuple[float, float] | None = None,
        z_step: float | None = None,
        emission_wavelength: float | None = None,
        ngff: Version = "0.5",
        chunk: int = CHUNK,
        sharding: bool = True,
        compressor: Compressor = "zstd",
        compression_level: int = 1,
        levels: int | None = None,
    ) -> list[Reference]:
        """Write several images; other processes may write to the same plate meanwhile.

        Args:
            data: The pixels.
            paths: Where; their names say the place on the plate.
            kind: ``"labels"`` for integers that number objects.
            components: Of each image, what is known better than from its path.
            maker: Whose grammar reads the paths; all are tried by default.
            pixel_size: Height and width of a pixel, or both at once, in micrometres.
            z_step: Distance of two z-planes in micrometres.
            emission_wavelength: Of the light in the images, in nanometres.
            ngff: The version of a new plate: ``"0.5"`` (zarr v3) or ``"0.4"`` (zarr v2).
            chunk: Height and width of what is compressed at once.
            sharding: Whether the chunks of a plane lie in one file; 0.5 only.
            compressor: ``"zstd"``, ``"lz4"``, ``"gzip"`` or ``"none"``.
            compression_level: Of the compressor.
            levels: How many sizes an image is kept in; by default until it has at most 512 pixels a side.

        Returns:
            For each the file of its plane; None for stacks, colours, and images without a place.
        """
        if components is not None and len(components) != len(paths):
            raise WrongBatchError(
                f"wanted components for each of {len(paths)} images, found {len(components)}"
            )
        layout = ArrayOptions(
            chunk=chunk,
            sharding=sharding,
            compressor=compressor,
            compression_level=compression_level,
            levels=levels,
        )
        says = {"pixel_size": pixel_size, "z_step": z_step, "emission_wavelength": emission_wavelength}
        extents: dict[ZarrPlate, object] = {}

        def images() -> Iterator[UnsavedImage]:
            for number, (image, path) in enumerate(zip(data, paths, strict=True)):
                at = PlatePath(path, maker, components[number] if components else None)
                plate = self._plate(at.plate, ngff, layout)
                if plate not in extents:
                    extents[plate] = _extents(plate)
                yield prepared(plate, at, image, kind, says)

        try:
            several = (write_several(some, kind, layout) for some in together(images()))
            return [reference for references in several for reference in references]
        finally:
            for plate, before in extents.items():
                if _extents(plate) != before:
                    plate.stretch()  # who opens a plate wants all of its fields equally long

    def load(self, path: Path) -> Pixels:
        """Return one image, as it was saved."""
        at = PlatePath(path)
        if has_loose(at.plate, at.name):
            return read_loose(at.plate, at.name)
        plate = self._plate_there(at)
        found = None if plate is None else _find(plate, at)
        if plate is not None and found is not None:
            return plate.read_at(found.place, found.written)
        raise ImageNotFoundError("an image", path)

    def exists(self, path: Path) -> bool:
        """Say whether an image, a plate or a folder is at this path."""
        with suppress(OSError, UnsafePathError):
            if path.is_dir():
                return True
            at = PlatePath(path)
            plate = self._plate_there(at)
            return has_loose(at.plate, at.name) or (plate is not None and _find(plate, at) is not None)
        return False

    def list_images(self, folder: Path, *, recursive: bool = False) -> list[Path]:
        """Return the paths under which images were saved, in natural order."""
        paths = {path for at in _plates_in(folder, recursive=recursive) for path in self._paths_in(at)}
        below = {path for path in paths if folder in path.parents}
        if not below and not folder.is_dir():
            raise ImageNotFoundError("a folder", folder)
        return sorted((path for path in below if recursive or path.parent == folder), key=natural_key)

    def delete(self, path: Path) -> None:
        """Remove one image: its planes become empty."""
        at = PlatePath(path)
        if has_loose(at.plate, at.name):
            remove_loose(at.plate, at.name)
            return
        plate = self._plate_there(at)
        found = None if plate is None else _find(plate, at)
        if plate is not None and found is not None:
            forget(plate, at.name, found)
        else:
            raise ImageNotFoundError("an image", path)

    def ensure_directory(self, folder: Path) -> None:
        """Make a folder, and those above it, unless they are there; a plate is made by its first image."""
        try:
            (folder.parent if folder.suffix == SUFFIX else folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageWriteError.of(folder, error) from error

    def close(self) -> None:
        """Make the plates that this process wrote whole: see `ZarrPlate.finalise`.

        Raises:
            HcsError: One could not be; all others are.
        """
        with self._lock:
            plates, self._plates = self._plates, {}
        with ExitStack() as stack:  # which calls all, whatever one of them raises
            for plate in plates.values():
                if version_of(plate.folder):  # else nothing was written
                    stack.callback(plate.finalise)

    def _plate(self, folder: Path, ngff: Version, layout: ArrayOptions) -> ZarrPlate:
        key = folder, ngff, layout
        with self._lock:
            if key not in self._plates:
                refuse_foreign(folder)
                self._plates[key] = ZarrPlate(folder, ngff=ngff, options=layout)
            return self._plates[key]

    def _paths_in(self, at: "PlatePath") -> Iterator[Path]:
        plate = self._plate_there(at)
        if plate is not None:
            yield from (at.base / name for name, _ in names_of(plate))
            yield from (at.base / name for name in loose_names(at.plate))

    def _plate_there(self, at: "PlatePath") -> ZarrPlate | None:
        return None if version_of(at.plate) is None else ZarrPlate(at.plate)


def _plates_in(folder: Path, *, recursive: bool) -> Iterator[PlatePath]:
    """Yield the plates whose images may lie in a folder: the one that it belongs to, and those below."""
    own = PlatePath(folder / "-")
    yield own
    if not recursive or own.base.suffix == SUFFIX:
        return
    for place, folders, _ in os.walk(folder):
        for name in folders:
            if name == PlatePath(Path(place, "-")).plate.name:
                yield PlatePath(Path(place, "-"))
            elif name.endswith(SUFFIX):
                yield PlatePath(Path(place, name, "-"))
        folders[:] = [name for name in folders if not name.endswith(SUFFIX) and not name.startswith(".")]


def _extents(plate: ZarrPlate) -> dict[str, tuple[int, ...]]:
    return {name: variant.extent for name, variant in plate.state().variants.items()}


def _find(plate: ZarrPlate, at: PlatePath) -> Found | None:
    """Return where the image of a path lies on its plate; None if it is not there, or not all of it."""
    here = [] if at.place is None else list(named(plate, at.place, at.name))
    if here:
        return next((found for found in here if is_there(plate, found)), None)
    unnamed = None if at.place is None else plate.find(at.place)
    if at.place is not None and unnamed is not None:
        found = Found(at.place, unnamed)
        if not is_another(plate, found, at.name):
            return found
    return next((found for _, found in names_of(plate, only=at.name)), None)
