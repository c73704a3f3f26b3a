"""Everything below a plate's folder, without a look into any file."""

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import msgspec

from ._ngff_metadata import STORE_FILES

OURS = ".hcs-"
LOCK = ".lock"
"""How the name ends of the lock of a plate that is beside it."""


class Folder(msgspec.Struct, frozen=True):
    """One folder and the names of its files."""

    path: Path
    parts: tuple[str, ...]
    """The folders that lead to it and its own name, the plate's folder first."""
    names: list[str]


class Listing(msgspec.Struct):
    """What is below a plate's folder."""

    folders: list[Folder] = []
    """Those with files in them, but for stores."""
    stores: list[Path] = []
    """Zarr stores; what is in them is not listed."""
    hidden: list[tuple[Path, str]] = []
    broken: list[tuple[Path, str]] = []
    """Links that lead nowhere, and what is neither a file nor a folder."""
    closed: dict[Path, str] = {}
    """Folders that may not be looked into, and what the system says of it."""


def list_folders(root: Path, told: Callable[[int], None] | None = None) -> Listing:
    """List a folder and all below it, in no particular order.

    Links to folders are followed, after all that is no link, and no folder is listed twice. The kind of an
    entry is what its folder says; only links are looked at. A folder that goes away meanwhile is left out;
    one that is closed is noted.

    Args:
        root: The folder.
        told: Is called with the number of files that were seen until now.

    Raises:
        OSError: The folder itself is closed, or one cannot be listed for another reason.
    """
    listing = Listing()
    seen: set[tuple[int, int]] = set()
    count = 0
    waiting: list[tuple[Path, tuple[str, ...]]] = [(root, (Path(os.path.abspath(root)).name,))]
    linked: list[tuple[Path, tuple[str, ...]]] = []
    while waiting or linked:
        path, parts = waiting.pop() if waiting else linked.pop()
        try:
            state = path.stat()
            if (state.st_dev, state.st_ino) in seen:
                continue
            seen.add((state.st_dev, state.st_ino))
            below = list(_list(path, parts, listing))
        except (FileNotFoundError, PermissionError) as error:
            if path == root:
                raise
            if isinstance(error, PermissionError):
                listing.closed[path] = error.strerror or str(error)
            continue
        for name, is_link in below:
            (linked if is_link else waiting).append((path / name, (*parts, name)))
        if told is not None:
            told(count := count + _files_at(listing, path))
    return listing


def _files_at(listing: Listing, path: Path) -> int:
    last = listing.folders[-1] if listing.folders else None
    return len(last.names) if last is not None and last.path == path else 0


def _list(path: Path, parts: tuple[str, ...], listing: Listing) -> Iterator[tuple[str, bool]]:
    """Take up the files of one folder; yield the folders in it, and whether each is a link."""
    files: list[str] = []
    below: list[tuple[str, bool]] = []
    hidden: list[str] = []
    broken: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if name[0] == ".":
                hidden.append(name)  # such as macOS's `._Plate_A01.tif`, which is no image
                continue
            kind = _kind(entry)
            if kind == "folder":
                below.append((name, entry.is_symlink()))
            else:
                (files if kind == "file" else broken).append(name)
    if not STORE_FILES.isdisjoint((*hidden, *files, *broken)):
        listing.stores.append(path)
        return iter(())
    folders = {name for name, _ in below}
    listing.hidden.extend((path, name) for name in hidden if not _is_ours(name, folders))
    listing.broken.extend((path, name) for name in broken)
    if files:
        listing.folders.append(Folder(path, parts, files))
    return iter(below)


def _is_ours(name: str, folders: Collection[str]) -> bool:
    """Say whether a hidden file or folder is what this package leaves beside the results that it writes."""
    return name.startswith(OURS) or (name.endswith(LOCK) and name[1 : -len(LOCK)] in folders)


def _kind(entry: os.DirEntry[str]) -> str | None:
    try:
        return "file" if entry.is_file() else "folder" if entry.is_dir() else None
    except OSError:  # a link in a circle, or into a folder that is closed
        return None


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder, by name, but for those that are written or removed right now.

    None are in a folder that another process has just removed.
    """
    try:
        found = [
            entry.path for entry in os.scandir(folder) if not entry.name.startswith(OURS) and entry.is_dir()
        ]
        return sorted(map(Path, found))
    except (FileNotFoundError, NotADirectoryError):
        return []
