"""Which images are listed: by a text that people type, by components, by wells. Pure: no window."""

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec
import numpy as np
import numpy.typing as npt

from hcs_stream.config import channel_filter, well_filter
from hcs_stream.sending import ImageTable, number_filter

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int32]
Accepts = Callable[[object], bool]

NAMED = re.compile(r"([a-z_]+)[=:](.+)")
WELLS = re.compile(r"[a-z]{1,2}\d{1,3}-[a-z]{1,2}\d{1,3}|[a-z]{1,2}\*", re.IGNORECASE)
"""What is said of wells only: ``A01-B03``, ``C*``."""
NOTHING = "–"
SHORT = {"z": "z_index", "t": "timepoint", "time": "timepoint", "w": "channel", "c": "channel", "s": "site"}


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which images are listed, and in which order."""

    text: str = ""
    """Words with blanks between; an image has all of them, in its file's name or among its components."""
    wanted: dict[str, frozenset[int]] = {}
    """By component: which of its values in the table; all if it is not in here."""
    wells: frozenset[str] = frozenset()
    """All, if there are none in here."""
    sorted_by: str = ""
    """A component; the order of the plate if there is none."""
    is_descending: bool = False


class Listed(msgspec.Struct, frozen=True):
    """The images that a query lists."""

    rows: Rows
    """In the table, in the order of the list."""
    by_well: npt.NDArray[np.int64]
    """How many there would be, if no wells were asked for; for each value of the component."""


def list_images(table: ImageTable, query: Query) -> Listed:
    """Return the images that a query asks for.

    Raises:
        InvalidFilterError: The text says something of a component that it cannot have.
    """
    mask = np.ones(len(table), bool)
    for word in query.text.split():
        mask &= _word(table, word)
    for component, codes in query.wanted.items():
        mask &= _lookup(table, component, codes.__contains__)
    by_well = np.bincount(table.codes["well"][mask], minlength=len(table.values["well"]))
    if query.wells:
        mask &= _by_value(table, "well", query.wells.__contains__)
    rows = np.flatnonzero(mask).astype(np.int32)
    return Listed(_sorted(table, rows, query), by_well)


def counts(table: ImageTable, component: str) -> npt.NDArray[np.int64]:
    """Return how many images have each value of a component."""
    return np.bincount(table.codes[component], minlength=len(table.values[component]))


def shown_value(component: str, value: object) -> str:
    """Return how a value is written in a list."""
    if value is None:
        return "projection" if component == "z_index" else NOTHING
    return str(value)


def _sorted(table: ImageTable, rows: Rows, query: Query) -> Rows:
    if not query.sorted_by:
        return rows
    codes = table.codes[query.sorted_by][rows]
    return rows[np.argsort(-codes if query.is_descending else codes, kind="stable")]


def _word(table: ImageTable, word: str) -> Mask:
    if named := NAMED.fullmatch(word.casefold()):
        component = _component(named[1])
        if component:
            return _by_value(table, component, _accepts(component, named[2]))
    if WELLS.fullmatch(word):
        return _by_value(table, "well", _accepts("well", word))
    folded = word.casefold()
    mask = _in_names(table, word)
    for component, values in table.values.items():
        if any(folded in str(value).casefold() for value in values if value is not None):
            mask |= _by_value(
                table, component, lambda value: value is not None and folded in str(value).casefold()
            )
    return mask


def _component(said: str) -> str | None:
    if said in SHORT:
        return SHORT[said]
    known = ("plate", "step", "well", "site", "channel", "z_index", "timepoint")
    return next((name for name in known if name.startswith(said.removesuffix("s"))), None)


@lru_cache(256)
def _accepts(component: str, said: str) -> Accepts:
    if component == "well":
        return well_filter(said).accepts
    if component in {"channel", "plate", "step"}:
        return channel_filter(said).accepts
    numbers = number_filter(said, component) if re.match(r"[\d\s,none-]+$", said) else None
    return numbers.accepts if numbers else channel_filter(said).accepts  # such as the name of a loose image


def _by_value(table: ImageTable, component: str, accepts: Accepts) -> Mask:
    values = table.values[component]
    return _lookup(table, component, lambda code: accepts(values[code]))


def _lookup(table: ImageTable, component: str, accepts: Callable[[int], bool]) -> Mask:
    taken = np.fromiter(map(accepts, range(len(table.values[component]))), bool)
    return taken[table.codes[component]]


def _in_names(table: ImageTable, word: str) -> Mask:
    """Say which files have a word in their names, or in those of their folders below the plate's."""
    folded = word.casefold()
    folders = np.fromiter((folded in text for text in table.folder_texts), bool, len(table.folder_texts))
    mask = folders[table.folder_codes]
    text, ends = table.searchable
    found = re.finditer(re.escape(folded), text)
    places = np.fromiter((match.start() for match in found), np.int64)
    mask[np.searchsorted(ends, places)] = True
    return mask
