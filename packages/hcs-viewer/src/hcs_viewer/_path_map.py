"""Where a worker's files lie on this machine: ``/data/plates`` there is ``Z:/plates`` here.

A path comes from a worker, so it is not believed: it stays below the folder that its prefix is mapped to,
whatever it says, and wherever links lead.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from hcs_protocol import BlockUnavailableError, FileRef

SEPARATOR = ";"
BETWEEN = "="
WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\|//")
"""How a path of Windows begins: with a drive, or a server and its share."""
ROOTED = re.compile(r"[A-Za-z]:[\\/]|[\\/]")
NOT_ONE_NAME = frozenset({"", ".", ".."})


class PathMap(msgspec.Struct, frozen=True):
    """Folders of workers on other machines, and which ones they are here; the longest that fits counts."""

    folders: tuple[tuple[str, Path], ...] = ()

    @classmethod
    def of(cls, said: Iterable[str]) -> "PathMap":
        """Return the map that somebody typed, ``THERE=HERE`` each.

        Raises:
            ValueError: One is no such pair of whole paths.
        """
        return cls(tuple(_pair(each) for each in said))

    def here(self, path: str) -> str | None:
        """Return where a worker's file lies here; None if no folder of it is mapped.

        Raises:
            BlockUnavailableError: It is not below that folder.
        """
        fitting = [(there, here) for there, here in self.folders if _below(path, there) is not None]
        if not fitting:
            return None
        there, here = max(fitting, key=lambda pair: len(_names(pair[0])))
        names = _below(path, there) or []
        found = None if any(map(_is_bad, names)) else os.path.realpath(here.joinpath(*names))
        if found is None or not Path(found).is_relative_to(os.path.realpath(here)):
            raise BlockUnavailableError(f"wanted a file below {there!r}, found {path!r}")
        return found

    def ref(self, ref: FileRef) -> FileRef | None:
        """Return a reference to the file where it lies here; None if no folder of it is mapped.

        Raises:
            BlockUnavailableError: It is not below that folder.
        """
        found = self.here(ref.path)
        return None if found is None else msgspec.structs.replace(ref, path=found)


def path_maps(text: str) -> list[str]:
    """Return the pairs of a variable that has several, ``THERE=HERE;THERE=HERE``."""
    return [each.strip() for each in text.split(SEPARATOR) if each.strip()]


def _pair(said: str) -> tuple[str, Path]:
    there, between, here = (part.strip() for part in said.partition(BETWEEN))
    if not between or not ROOTED.match(there) or not here:
        raise ValueError(f"wanted THERE=HERE, as /data/plates=Z:/plates, found {said!r}")
    known = Path(here).expanduser()
    if not known.is_absolute():
        raise ValueError(f"wanted a whole path of this machine after {BETWEEN!r}, found {here!r}")
    return there, known


def _below(path: str, folder: str) -> list[str] | None:
    """Return the names that lead from a folder to a path; None if it is not below it, by its text."""
    names, wanted = _names(path), _names(folder)
    if not ROOTED.match(path) or _is_windows(path) != _is_windows(folder):
        return None
    same = str.casefold if _is_windows(path) else str
    begins = [same(name) for name in names[: len(wanted)]]
    return names[len(wanted) :] if begins == [same(name) for name in wanted] else None


def _is_windows(path: str) -> bool:
    return WINDOWS.match(path) is not None


def _names(path: str) -> list[str]:
    """Return the parts of a path, without those that lead nowhere else."""
    parts = re.split(r"[\\/]" if _is_windows(path) else "/", path)
    return [part for part in parts if part not in {"", "."}]


def _is_bad(name: str) -> bool:
    """Say whether a name leads elsewhere, or would be read here as more than one name."""
    if name in NOT_ONE_NAME or "\0" in name:
        return True
    return os.name == "nt" and any(letter in name for letter in '\\/:*?"<>|')
