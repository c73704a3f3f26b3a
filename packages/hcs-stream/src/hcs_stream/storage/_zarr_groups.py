"""Zarr groups on disk, v2 and v3: their metadata is read and written whole, never half."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hcs_stream._extras import extra
from hcs_stream._unreadable import UnreadableImageError

from ._atomic import write_atomically
from ._errors import StorageWriteError
from ._ngff import Json, Version

LOCK_SECONDS = 120.0
"""A metadata change takes milliseconds; whoever waits that long waits for a process that is stopped."""


def version_of(folder: Path) -> Version | None:
    """Return the version of the format that a group has, by its zarr version; None if it is none."""
    if (folder / "zarr.json").is_file():
        return "0.5"
    return "0.4" if (folder / ".zgroup").is_file() else None


def is_array(folder: Path) -> bool:
    """Say whether a folder is a zarr array, no group of such; a damaged one may be."""
    try:
        found = _read(folder / "zarr.json")
    except UnreadableImageError:
        return True
    if found is None:
        return (folder / ".zarray").is_file()
    return bool(found.get("node_type") == "array")


def read_attributes(folder: Path) -> Json:
    """Return a group's attributes; empty if there is no group, or no longer.

    Raises:
        UnreadableImageError: Its metadata is damaged.
    """
    path = folder / "zarr.json"
    found = _read(path)
    if found is None and (folder / ".zgroup").is_file():
        path = folder / ".zattrs"
        found = {"attributes": _read(path) or {}}
    try:
        return {} if found is None else dict(found.get("attributes", {}))
    except (ValueError, TypeError) as error:
        raise UnreadableImageError(path, f"damaged metadata ({error})") from error


def write_attributes(folder: Path, version: Version, attributes: Mapping[str, Any]) -> None:
    """Make a group, or replace its attributes.

    Raises:
        StorageWriteError: It could not be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageWriteError.of(folder, error) from error
    if version == "0.5":
        _write(folder / "zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": attributes})
    else:
        if not (folder / ".zgroup").is_file():
            _write(folder / ".zgroup", {"zarr_format": 2})
        _write(folder / ".zattrs", attributes)


def ensure_group(folder: Path, version: Version) -> None:
    """Make a group without attributes, unless there is one."""
    if version_of(folder) is None:
        write_attributes(folder, version, {})


@contextmanager
def metadata_lock(plate: Path) -> Iterator[None]:
    """Keep all other writers of this plate, in any process, from changing metadata meanwhile.

    The lock lies beside the plate: within it, readers of zarr would take it for a damaged node.

    Raises:
        StorageWriteError: The folder cannot be written.
        MissingExtraError: filelock is not installed.
        TimeoutError: Another process has had it for two minutes.
    """
    with extra("zarr", needs="the backend 'zarr'"):
        import filelock
    path = plate.parent / f".{plate.name}.lock"
    try:
        plate.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path, timeout=LOCK_SECONDS)
        lock.acquire()
    except filelock.Timeout as error:
        raise TimeoutError(
            f"wanted to change the metadata of {str(plate)!r}, found it locked: {path}"
        ) from error
    except OSError as error:
        raise StorageWriteError.of(path, error) from error
    try:
        yield
    finally:
        lock.release()


def _read(path: Path) -> Json | None:
    """Return a document; None if there is none: asked first, it might go away before it is read."""
    try:
        return dict(json.loads(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except (ValueError, TypeError) as error:
        raise UnreadableImageError(path, f"damaged metadata ({error})") from error


def _write(path: Path, document: Mapping[str, Any]) -> None:
    encoded = json.dumps(document, indent=1, ensure_ascii=False).encode()
    write_atomically(path, lambda file: file.write(encoded))
