"""Which wells, steps and channels: ``"A01"``, ``"A*"``, ``"A01-B03"``, ``2``, ``"gaussian*"`` or several."""

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from hcs_protocol import InvalidComponentError, normalise_well

from ._errors import InvalidFilterError

Well: TypeAlias = tuple[int, str, int]
"""Number of row letters, row letters, column: sorts as on a plate."""
Matcher: TypeAlias = Callable[[str], bool]

WELL_WANTED = "a well 'B03', a range 'A01-B03', a row 'A*', or another glob such as '*01'"
_WELL_GLOB = re.compile(r"(?:[A-Z0-9*?]|\[!?[A-Z0-9]+(?:-[A-Z0-9]+)?\])+")
_INDEXES = re.compile(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*")
_WILD = re.compile(r"[*?\[]")


class WellFilter(NamedTuple):
    """Selects wells; make one with `well_filter`."""

    said: tuple[str, ...]

    def accepts(self, well: object) -> bool:
        """Say whether this well is selected; an image that has none is not."""
        return isinstance(well, str) and _well_matches(self.said, well)


class StepFilter(NamedTuple):
    """Selects steps; make one with `step_filter`."""

    said: tuple[str | int, ...]

    def accepts(self, index: int | None, name: str) -> bool:
        """Say whether the step with this index and name is selected."""
        return _step_matches(self.said, index, name)


class ChannelFilter(NamedTuple):
    """Selects channels; make one with `channel_filter`."""

    said: tuple[str | int, ...]

    def accepts(self, channel: object) -> bool:
        """Say whether this channel, a name or a number, is selected; an image that has none is not."""
        return channel is not None and _name_matches(self.said, str(channel))


def well_filter(said: str | Sequence[str]) -> WellFilter:
    """Return the filter that these words mean, in any case and with or without leading zeros.

    Args:
        said: ``"A01"``; a range ``"A01-B03"``, the rectangle from its upper left to its lower right well;
            a row ``"A*"``; any glob over names such as ``"A01"``: ``"*01"``, ``"[A-C]0?"``. A ``*`` that is
            not the first letter stands for digits alone, so ``"A*"`` has no well of row AA. Several: a
            sequence, or one text with commas between.

    Raises:
        InvalidFilterError: It says no well that there can be.
    """
    items = _items(said, "well", WELL_WANTED)
    parts: list[str] = []
    for item in items:
        if not isinstance(item, str) or not item.strip():
            raise InvalidFilterError("well", WELL_WANTED, item)
        parts += (part.strip() for part in item.split(","))
    _well_matchers(tuple(parts))
    return WellFilter(tuple(parts))


def step_filter(said: str | int | Sequence[str | int]) -> StepFilter:
    """Return the filter that these words mean.

    Args:
        said: A step's index ``2`` or ``"2"``, indexes ``"1-3"``, its name, or a glob ``"gaussian*"``, in any
            case and with blanks or underscores. Several: a sequence, or one text with commas between.

    Raises:
        InvalidFilterError: It says no step that there can be.
    """
    wanted = "an index, indexes '1-3', a name or a glob 'gaussian*'"
    items = _names(said, "step", wanted)
    for item in items:
        found = _INDEXES.fullmatch(str(item))
        if found and found[2] and int(found[1]) > int(found[2]):
            raise InvalidFilterError("step", "indexes that rise, such as '1-3',", item)
    return StepFilter(items)


def channel_filter(said: str | int | Sequence[str | int]) -> ChannelFilter:
    """Return the filter that these words mean.

    Args:
        said: A channel's name ``"DAPI"``, its number, or a glob ``"Alexa*"``, in any case. Several: a
            sequence, or one text with commas between. A name that has a comma or a bracket selects itself.

    Raises:
        InvalidFilterError: It says no channel that there can be.
    """
    return ChannelFilter(_names(said, "channel", "a name, a number or a glob 'Alexa*'"))


def _items(said: object, component: str, wanted: str) -> Sequence[object]:
    items = [said] if isinstance(said, str | int) else said
    if not isinstance(items, Sequence | set | frozenset) or isinstance(items, bytes) or not items:
        raise InvalidFilterError(component, wanted, said)
    return list(items) if isinstance(items, Sequence) else sorted(items, key=str)


def _names(said: object, component: str, wanted: str) -> tuple[str | int, ...]:
    names: list[str | int] = []
    for item in _items(said, component, wanted):
        is_name = isinstance(item, str) and item.strip()
        is_number = isinstance(item, int) and not isinstance(item, bool) and item >= 0
        if not (is_name or is_number):
            raise InvalidFilterError(component, wanted, item)
        names.append(item)  # type: ignore[arg-type]  # it is one of the two
    if isinstance(said, str) and "," in said:
        parts = [part.strip() for part in said.split(",")]
        if not all(parts):
            raise InvalidFilterError(component, wanted, said)
        names += parts
    return tuple(names)


@lru_cache(1 << 14)
def _well_matches(said: tuple[str, ...], well: str) -> bool:
    try:
        name = normalise_well(well)
    except InvalidComponentError:
        return "*" in said  # a well of another kind is in all wells alone
    return any(matches(name) for matches in _well_matchers(said))


@lru_cache(1 << 8)
def _well_matchers(said: tuple[str, ...]) -> tuple[Matcher, ...]:
    return tuple(_well_matcher(part) for part in said)


def _well_matcher(part: str) -> Matcher:
    text = part.upper()
    if _WILD.search(text):
        if not _WELL_GLOB.fullmatch(text):
            raise InvalidFilterError("well", WELL_WANTED, part)
        return _well_glob(text, part)
    first, dash, last = text.partition("-")
    if not dash:
        return _name(_well(first, part)).__eq__
    upper_left, lower_right = _well(first, part), _well(last, part)
    rows, columns = (upper_left[:2], lower_right[:2]), (upper_left[2], lower_right[2])
    if rows[0] > rows[1] or columns[0] > columns[1]:
        raise InvalidFilterError("well", "a range from its upper left to its lower right well", part)
    return lambda name: rows[0] <= _split(name)[:2] <= rows[1] and columns[0] <= _split(name)[2] <= columns[1]


def _well_glob(text: str, part: str) -> Matcher:
    """Match a glob on names such as ``A01``: only a leading ``*`` stands for row letters too."""
    head, rest = ("[A-Z]*[0-9]*", text.lstrip("*")) if text.startswith("*") else ("", text)
    pieces = (piece.replace("[!", "[^") for piece in re.findall(r"\[[^\]]*\]|.", rest))
    wild = {"*": "[0-9]*", "?": "[A-Z0-9]"}
    try:
        return _truth(re.compile(head + "".join(wild.get(piece, piece) for piece in pieces)))
    except re.error as error:
        raise InvalidFilterError("well", WELL_WANTED, part) from error


def _truth(pattern: re.Pattern[str]) -> Matcher:
    return lambda name: pattern.fullmatch(name) is not None


def _well(text: str, part: str) -> Well:
    try:
        return _split(normalise_well(text))
    except InvalidComponentError as error:
        raise InvalidFilterError("well", WELL_WANTED, part) from error


def _split(name: str) -> Well:
    letters = name.rstrip("0123456789")
    return len(letters), letters, int(name[len(letters) :])


def _name(well: Well) -> str:
    return f"{well[1]}{well[2]:02d}"


@lru_cache(1 << 12)
def _step_matches(said: tuple[str | int, ...], index: int | None, name: str) -> bool:
    by_index = any(index is not None and index in _indexes(item) for item in said)
    return by_index or _name_matches(tuple(map(_as_in_layers, said)), _as_in_layers(name))


def _indexes(item: str | int) -> range:
    found = _INDEXES.fullmatch(str(item))
    if not found:
        return range(0)
    return range(int(found[1]), int(found[2] or found[1]) + 1)


def _as_in_layers(name: str | int) -> str:
    return str(name).replace(" ", "_")


@lru_cache(1 << 14)
def _name_matches(said: tuple[str | int, ...], name: str) -> bool:
    folded = name.casefold()
    return any(folded == text or re.fullmatch(translate(text), folded) for text in map(_folded, said))


def _folded(item: str | int) -> str:
    return str(item).strip().casefold()
