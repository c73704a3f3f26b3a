"""Paths of files by their text alone, whichever system they are of: what is below which folder."""

import re
import unicodedata

WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\|//")
"""How a path of Windows begins: with a drive, or a server and its share."""
ROOTED = re.compile(r"[A-Za-z]:[\\/]|[\\/]")


def is_rooted(path: str) -> bool:
    """Say whether a path is a whole one, on some system."""
    return ROOTED.match(path) is not None


def path_names(path: str) -> list[str]:
    """Return the names in a path, without those that lead nowhere else."""
    parts = re.split(r"[\\/]" if _is_windows(path) else "/", path)
    return [part for part in parts if part not in {"", "."}]


def names_below(path: str, folder: str) -> list[str] | None:
    """Return the names that lead from a folder to a path; None if its text is not that of one below.

    Those of Windows do not care for upper and lower case, nor which way slashes lean; none cares whether an
    umlaut is one letter or two, as on a Mac. Names may lead out of the folder again, as ``..`` does.
    """
    if not is_rooted(path) or _is_windows(path) != _is_windows(folder):
        return None
    names, wanted = path_names(path), path_names(folder)
    same = _folded if _is_windows(path) else _composed
    begins = [same(name) for name in names[: len(wanted)]]
    return names[len(wanted) :] if begins == [same(name) for name in wanted] else None


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return _composed(name).casefold()


def _is_windows(path: str) -> bool:
    return WINDOWS.match(path) is not None
