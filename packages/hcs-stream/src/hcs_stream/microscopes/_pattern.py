"""A pattern that a user writes for the names of images, made into a regular expression."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from string import Formatter
from typing import NamedTuple
from unicodedata import normalize

from ._errors import PatternError

COMPONENTS = ("well", "row", "column", "plate", "site", "channel", "z_index", "timepoint")
ANYTHING = ""
FREE = frozenset({ANYTHING, "plate", "channel"})
"""What may be any text."""
ENDINGS = {
    ".tif": "tiff?",
    ".tiff": "tiff?",
    ".png": "png",
    ".jpg": "jpe?g",
    ".jpeg": "jpe?g",
    ".bmp": "bmp",
}
ROW = "(?:[A-Z]|A[A-F]|[a-z]|a[a-f])"
ROW_IN_TEXT = "(?:[A-Z]|A[A-F]|(?<![A-Za-z])(?:[a-z]|a[a-f]))"  # the end of a word is no row
NUMBER = "[0-9]{1,9}(?![0-9])"
DIGITS = "0123456789"
_ENDING = re.compile(r"(?:\.ome)?(\.tiff?|\.png|\.jpe?g|\.bmp)\Z", re.IGNORECASE)
_STARS = re.compile(r"(?:\*|\{\})+")


class Part(NamedTuple):
    """A piece of a pattern: a component, or text that stands for itself."""

    component: str | None
    text: str = ""


class Meaning(NamedTuple):
    """What a pattern says."""

    regex: re.Pattern[str]
    groups: tuple[str, ...]
    """The component of each group."""
    depth: int
    """How many folders it speaks of."""
    endings: tuple[str, ...]
    """How images end that it may match, in small letters."""


def meaning_of(pattern: str) -> Meaning:
    """Read a pattern.

    A piece of free text ends at the first place where what follows it fits, and no other is tried: so the
    time for a name grows with its length and not with the number of ways to cut it, whoever chose it.

    Raises:
        PatternError: It is none; the text says why.
    """
    path = composed(_path(pattern))
    parts, ending = _without_ending(_joined_stars(_parts(pattern, path)))
    _check(pattern, parts)
    shapes = {ENDINGS[ending]} if ending else {*ENDINGS.values()}
    groups: list[str] = []
    regex = rf"{_regex(parts, groups)}(?i:(?:\.ome)?\.(?:{'|'.join(sorted(shapes))}))"
    endings = tuple(end for end, shape in ENDINGS.items() if shape in shapes)
    return Meaning(re.compile(regex), tuple(groups), path.count("/"), endings)


def composed(text: str) -> str:
    """Return a text with an é that is one character: a Mac may write two where a keyboard types one."""
    return text if text.isascii() else normalize("NFC", text)


def _path(pattern: str) -> str:
    """Return a pattern without what says nothing in front of it: paths are matched from the right."""
    if pattern.endswith(("/", os.sep)):
        raise PatternError(pattern, "a folder at the end")
    parts = [part for part in pattern.replace(os.sep, "/").split("/") if part not in ("", ".")]
    while len(parts) > 1 and _STARS.fullmatch(parts[0]):
        del parts[0]
    return "/".join(parts)


def _parts(pattern: str, path: str) -> Iterator[Part]:
    try:
        fields = list(Formatter().parse(path))
    except ValueError as error:
        raise PatternError(pattern, "a brace without its other half") from error
    for text, name, width, conversion in fields:
        first, *others = text.split("*")
        yield Part(None, first)
        for other in others:
            yield from (Part(ANYTHING), Part(None, other))
        if name is None:
            continue
        if width or conversion or name not in (*COMPONENTS, ANYTHING):
            said = f"{name}{f'!{conversion}' if conversion else ''}{f':{width}' if width else ''}"
            raise PatternError(pattern, f"{{{said}}}")
        yield Part(name)


def _joined_stars(parts: Iterable[Part]) -> list[Part]:
    kept: list[Part] = []
    for part in parts:
        if part != Part(None) and not (part == Part(ANYTHING) and kept[-1:] == [part]):
            kept.append(part)
    return kept


def _without_ending(parts: list[Part]) -> tuple[list[Part], str | None]:
    """Return the parts before the ending, and the ending in small letters; None where any will do."""
    ending = None
    match parts:
        case [*before, Part(None, text), Part("", _)] if text.endswith("."):
            text = text[:-1]
        case [*before, Part(None, text)] if found := _ENDING.search(text):
            text, ending = text[: found.start()], found[1].lower()
        case _:
            return parts, None
    return ([*before, Part(None, text)] if text else before), ending


def _check(pattern: str, parts: Sequence[Part]) -> None:
    names = {part.component for part in parts} - {None, ANYTHING}
    if not names:
        raise PatternError(pattern, "no component")
    if ("row" in names) != ("column" in names):
        raise PatternError(pattern, "{row} without {column}" if "row" in names else "{column} without {row}")
    if not names & {"well", "row"}:
        raise PatternError(pattern, "no {well}")
    for (one, _), (other, text) in pairwise(parts):
        if one is not None and other is not None and _is_unclear(one, other):
            raise PatternError(pattern, f"no text between {{{one}}} and {{{other}}}, to tell them apart,")
        if one not in (None, *FREE) and other is None and text[0] in DIGITS:
            raise PatternError(pattern, f"a digit after {{{one}}}, which takes all digits,")


def _is_unclear(one: str, other: str) -> bool:
    """Say whether nobody knows where a component ends and the next one begins."""
    if one in FREE or other in FREE:
        return one in FREE and other in FREE
    return other not in ("well", "row") and (one, other) != ("row", "column")


def _regex(parts: Sequence[Part], groups: list[str]) -> str:
    """Write the expression of all parts, and note the component of each group."""
    pieces: list[str] = []
    is_open = False
    left = sum(_is_free(parts, place) for place in range(len(parts)))
    for place, part in enumerate(parts):
        if _is_free(parts, place):
            left -= 1
            pieces.append(")" if is_open else "")
            is_open = left > 0  # the last one ends where the name does
            pieces.append("(?>" if is_open else "")
        pieces.append(_piece(parts, place))
        if part.component and not pieces[-1].startswith("(?P="):
            groups.append(part.component)
    return "".join(pieces)


def _is_free(parts: Sequence[Part], place: int) -> bool:
    """Say whether a part is free text; the second time that it comes, it has to be the same."""
    name = parts[place].component
    return name == ANYTHING or (name in FREE and parts[place] not in parts[:place])


def _piece(parts: Sequence[Part], place: int) -> str:
    name, text = parts[place]
    before, after = (parts[i].component if 0 <= i < len(parts) else None for i in (place - 1, place + 1))
    match name:
        case None:
            return re.escape(text)
        case "":
            return "[^/]*?"
        case "plate" | "channel":
            return f"(?P<{name}>[^/]+?)" if _is_free(parts, place) else f"(?P={name})"
        case "well":
            return f"({ROW_IN_TEXT if before in FREE else ROW}[0-9]{{1,3}}(?![0-9]))"
        case "row":
            has_letters = after == "column" or before not in (None, *FREE)  # digits there would be unclear
            return f"({ROW})" if has_letters else f"({ROW}|{NUMBER})"
        case _:
            return f"({NUMBER})"
