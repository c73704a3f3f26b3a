"""Names of files, sorted out: which are images, of whose microscope, and what is left."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from hcs_stream._unicode import readable

from ._folders import Folder
from ._grammar import Grammar, ParsedName
from ._wells import COUNTERS, row_and_column

TIFF = (".tif", ".tiff")
IMAGES = (".tif", ".TIF", ".tiff", ".TIFF", ".png", ".jpg")  # no metadata, which saves some calls a name
File = tuple[Path, str]
"""A file as its folder and its name."""

COUNTED = frozenset("CSTWZ")
"""Channels, sites, timepoints, wavelengths and planes, as people count them: ``img_C1.tif``."""
SAMPLE = 8  # names of a folder that show whose they are


class Group(msgspec.Struct, frozen=True):
    """Images in one folder whose names one grammar knows."""

    grammar: Grammar
    folder: Folder
    names: list[str]
    found: list[ParsedName]


class Sorted(msgspec.Struct):
    """What became of all names."""

    groups: list[Group] = []
    metadata: dict[str, dict[tuple[str, ...], list[Path]]] = {}
    """Of each maker, the files that describe a plate, by the folders they lie in."""
    unparsed: list[File] = []
    skipped: dict[str, list[File]] = msgspec.field(
        default_factory=lambda: {"thumbs": [], "hidden": [], "other": []}
    )


def parse_folders(
    folders: Sequence[Folder], grammars: Sequence[Grammar], images: tuple[str, ...] = TIFF
) -> Sorted:
    """Read all names, each with the grammar that is likeliest to know it first.

    Args:
        folders: With the names.
        grammars: Whose they may be.
        images: How names end, in small letters, that are told of if no grammar knows them.
    """
    done = Sorted()
    for folder in folders:
        _find_metadata(folder, grammars, done)
    for folder in folders:
        order = sorted(grammars, key=lambda grammar: _likelihood(grammar, folder, done), reverse=True)
        _parse_folder(folder, order, done, images)
    return done


def _find_metadata(folder: Folder, grammars: Sequence[Grammar], done: Sorted) -> None:
    for name in folder.names:
        if name.endswith(IMAGES):
            continue
        for grammar in grammars:
            if grammar.describes(name):
                here = done.metadata.setdefault(grammar.name, {}).setdefault(folder.parts, [])
                here.append(folder.path / name)


def _likelihood(grammar: Grammar, folder: Folder, done: Sorted) -> tuple[bool, bool, int]:
    some = folder.names[:: max(1, len(folder.names) // SAMPLE)]
    above, described = _is_described(grammar, folder, done), grammar.name in done.metadata
    return above, described, sum(grammar.parse(name, folder.parts) is not None for name in some)


def _is_described(grammar: Grammar, folder: Folder, done: Sorted) -> bool:
    """Say whether this maker's metadata lie beside or above a folder."""
    return any(folder.parts[: len(parts)] == parts for parts in done.metadata.get(grammar.name, {}))


def _parse_folder(folder: Folder, order: Sequence[Grammar], done: Sorted, images: tuple[str, ...]) -> None:
    names = folder.names
    for position, grammar in enumerate(order):
        names = _take(folder, names, grammar, done)
        if position == 0:  # what only looks like an image is told by its maker, before others see it
            names = [name for name in names if not _skip(folder, name, order, done)]
    for name in names:
        (done.unparsed if name.lower().endswith(images) else done.skipped["other"]).append(
            (folder.path, name)
        )


def _take(folder: Folder, names: list[str], grammar: Grammar, done: Sorted) -> list[str]:
    """Take those names that the grammar knows, and return the others."""
    parse, parts = grammar.parse, folder.parts
    spelled = names if "".join(names).isascii() else map(readable, names)
    parsed = [parse(name, parts) for name in spelled]
    if not _is_described(grammar, folder, done):
        parsed = _without_counters(_without_counters_in_wells(parsed))
    found = [what for what in parsed if what is not None]
    known, rest = names, []
    if len(found) < len(names):
        known = [name for name, what in zip(names, parsed, strict=True) if what is not None]
        rest = [name for name, what in zip(names, parsed, strict=True) if what is None]
    if known:
        done.groups.append(Group(grammar, folder, known, found))
    return rest


def _without_counters(parsed: list[ParsedName | None]) -> list[ParsedName | None]:
    """Leave out wells that are all that their names say, if they count something else from 1."""
    bare = {what.well for what in parsed if what is not None and what.is_bare}
    rows = {well.rstrip("0123456789") for well in bare}
    columns = {row_and_column(well)[1] for well in bare}
    if len(rows) != 1 or not rows <= COUNTED or max(columns) != len(columns):
        return parsed
    return [None if what is not None and what.is_bare else what for what in parsed]


def _without_counters_in_wells(parsed: list[ParsedName | None]) -> list[ParsedName | None]:
    """Leave out wells before which there is another one, if they count something in that."""
    doubtful = [what for what in parsed if what is not None and what.well_before]
    rows = {what.well.rstrip("0123456789") for what in doubtful}
    if len(rows) != 1 or not rows <= {*COUNTERS}:
        return parsed
    columns = {row_and_column(what.well)[1] for what in doubtful}
    counts = all(what.is_bare for what in doubtful) and max(columns) == len(columns)
    if not counts and len({what.well_before for what in doubtful}) == 1:
        return parsed
    return [None if what is not None and what.well_before else what for what in parsed]


def _skip(folder: Folder, name: str, order: Sequence[Grammar], done: Sorted) -> bool:
    reasons: Iterator[str | None] = (grammar.reason_to_skip(name) for grammar in order)
    reason = next(filter(None, reasons), None)
    if reason is not None:
        done.skipped.setdefault(reason, []).append((folder.path, name))
    return reason is not None
