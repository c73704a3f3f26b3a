"""Where a worker's files lie on this machine: ``/data/plates`` there is ``Z:/plates`` here.

A path comes from a worker, so it is not believed: it stays below the folder that its prefix is mapped to,
whatever it says, and wherever links lead.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from hcs_protocol import BlockUnavailableError, FileRef, is_rooted, names_below, path_names

SEPARATOR = ";"
BETWEEN = "="
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

    @property
    def theirs(self) -> list[str]:
        """The folders as workers call them."""
        return [there for there, _ in self.folders]

    def here(self, path: str) -> str | None:
        """Return where a worker's file lies here; None if no folder of it is mapped.

        Raises:
            BlockUnavailableError: It is not below that folder.
        """
        fitting = [(there, here) for there, here in self.folders if names_below(path, there) is not None]
        if not fitting:
            return None
        there, here = max(fitting, key=lambda pair: len(path_names(pair[0])))
        names = names_below(path, there) or []
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
    there, here = _halves(said)
    if not is_rooted(there) or not here:
        raise ValueError(f"wanted THERE=HERE, as /data/plates=Z:/plates, found {said!r}")
    known = _whole(here)
    if known is None:
        raise ValueError(f"wanted a whole path of this machine after {BETWEEN!r}, found {here!r}")
    return there, known


def _halves(said: str) -> tuple[str, str]:
    """Return what is before and after the sign, the first that a whole path follows: names may have it."""
    parts = said.split(BETWEEN)
    halves = [
        (BETWEEN.join(parts[:count]).strip(), BETWEEN.join(parts[count:]).strip())
        for count in range(1, len(parts))
    ]
    whole = [half for half in halves if _whole(half[1])]
    return next(iter(whole or halves), ("", ""))


def _whole(text: str) -> Path | None:
    """Return a path of this machine; None if it is no whole one."""
    try:
        path = Path(text).expanduser()
    except RuntimeError:  # nobody is called so here
        return None
    return path if path.is_absolute() else None


def _is_bad(name: str) -> bool:
    """Say whether a name leads elsewhere, or would be read here as more than one name."""
    if name in NOT_ONE_NAME or "\0" in name:
        return True
    return os.name == "nt" and any(letter in name for letter in '\\/:*?"<>|')
