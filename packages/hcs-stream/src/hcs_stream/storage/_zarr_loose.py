"""Images that have no place on a plate: OME-NGFF images of their own in its folder ``images``."""

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hcs_protocol import new_id
from hcs_stream._unreadable import UnreadableImageError

from ._backend import Pixels
from ._errors import ImageNotFoundError, StorageWriteError, UnsafePathError
from ._ngff import AXES, Version, document
from ._zarr_arrays import ArrayOptions, chunk_files, compressors, import_zarr
from ._zarr_documents import OWN, own_of
from ._zarr_fields import UNFINISHED
from ._zarr_groups import ensure_group, is_array, metadata_lock, write_attributes

FOLDER = "images"
RESERVED = frozenset({"zarr.json", ".zgroup", ".zattrs", ".zarray"})


def loose_folder(plate: Path, name: str) -> Path:
    """Return the group of an image by its name below the plate's folder.

    Raises:
        UnsafePathError: zarr has files of that name, or hides it.
    """
    for part in name.split("/"):
        if part in RESERVED or part.startswith(("__", ".")):
            raise UnsafePathError(name, "a name that is none of zarr's own and does not begin with . or __")
    return plate / FOLDER / name


def write_loose(
    plate: Path, version: Version, name: str, pixels: Pixels, options: ArrayOptions, *, coloured: bool
) -> None:
    """Write an image; one of that name is replaced.

    Raises:
        StorageWriteError: There is no room, or no permission.
    """
    folder = loose_folder(plate, name)
    unfinished = plate / FOLDER / f"{UNFINISHED}{new_id()}"
    stored = np.moveaxis(pixels, -1, 0) if coloured else pixels
    axes = (["c"] if coloured else ["z"] if pixels.ndim == 3 else []) + ["y", "x"]
    try:
        ensure_group(plate, version)
        ensure_group(plate / FOLDER, version)
        write_attributes(unfinished, version, {**_document(version, name, axes), OWN: {"coloured": coloured}})
        import_zarr().create_array(
            unfinished / "0",
            data=np.ascontiguousarray(stored),
            chunks=tuple(
                1 if axis in "cz" else min(options.chunk, side)
                for axis, side in zip(axes, stored.shape, strict=True)
            ),
            compressors=compressors(version, options, pixels.dtype),
            chunk_key_encoding={"name": "default" if version == "0.5" else "v2", "separator": "/"},
            zarr_format=3 if version == "0.5" else 2,
            **({"dimension_names": axes} if version == "0.5" else {}),
        )
        with metadata_lock(plate):
            _put_in_place(plate, version, unfinished, folder)
    except StorageWriteError:
        raise
    except OSError as error:
        raise StorageWriteError.of(folder, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _put_in_place(plate: Path, version: Version, unfinished: Path, folder: Path) -> None:
    """Give an image its name; it neither lies in another one nor takes the place of several."""
    for parent in reversed(folder.relative_to(plate / FOLDER).parents[:-1]):
        if is_array(plate / FOLDER / parent / "0"):
            raise StorageWriteError(folder, errno.ENOTDIR, f"{parent.as_posix()!r} is an image, no folder")
        ensure_group(plate / FOLDER / parent, version)
    if folder.exists() and not is_array(folder / "0"):
        raise StorageWriteError(folder, errno.EISDIR, "wanted a name for an image")
    gone = _set_aside(folder)
    os.replace(unfinished, folder)
    shutil.rmtree(gone, ignore_errors=True)


def _set_aside(folder: Path) -> Path:
    """Take an image's name away all at once: nobody finds half of it. Return its new one."""
    gone = folder.with_name(f"{UNFINISHED}{new_id()}")
    if folder.exists():
        os.replace(folder, gone)
    return gone


def has_loose(plate: Path, name: str) -> bool:
    """Say whether there is an image of this name."""
    try:
        return is_array(loose_folder(plate, name) / "0")
    except OSError:  # a name that is too long is there nowhere
        return False


def read_loose(plate: Path, name: str) -> Pixels:
    """Return an image as it was written.

    Raises:
        ImageNotFoundError: Another process removed it.
        UnreadableImageError: It is damaged.
    """
    folder = loose_folder(plate, name)
    before, after = None, _identity(folder)
    while before != after:  # another process replaced it in the middle
        before = after
        try:
            files = chunk_files(folder / "0")
            for file in files.there() if files is not None else ():
                files.check(file)  # type: ignore[union-attr]  # there are some
            pixels = np.asarray(import_zarr().open_array(folder / "0", mode="r")[...])
            own = own_of(folder)
        except Exception as error:  # a damaged file makes its decoders raise anything
            after = _identity(folder)
            if before == after and after is not None:
                raise UnreadableImageError(folder, f"{type(error).__name__} ({error})") from error
        else:
            after = _identity(folder)
    if after is None:
        raise ImageNotFoundError("an image", folder)
    coloured = own is not None and own.coloured
    return np.ascontiguousarray(np.moveaxis(pixels, 0, -1)) if coloured else pixels


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        state = folder.stat()
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns


def remove_loose(plate: Path, name: str) -> None:
    """Remove an image."""
    with metadata_lock(plate):
        gone = _set_aside(loose_folder(plate, name))
    shutil.rmtree(gone, ignore_errors=True)


def loose_names(plate: Path) -> Iterator[str]:
    """Yield the names of all images that have no place on the plate."""
    top = plate / FOLDER
    for place, folders, _ in os.walk(top):
        folder = Path(place)
        own = own_of(folder) if is_array(folder / "0") else None
        if own is not None and own.coloured is not None:
            yield folder.relative_to(top).as_posix()
            folders.clear()
        folders[:] = [name for name in folders if not name.startswith(".")]


def _document(version: Version, name: str, axes: list[str]) -> dict[str, object]:
    scale = [{"type": "scale", "scale": [1.0] * len(axes)}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    known = {axis["name"]: axis for axis in AXES}
    multiscale = {"name": name, "axes": [known[axis] for axis in axes], "datasets": datasets}
    return document(version, {"multiscales": [multiscale]}, "multiscales")
