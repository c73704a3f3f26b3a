"""The grammars there are: those of this package, and those that others register."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from ._cellomics import Cellomics
from ._cellvoyager import CellVoyager
from ._cytation import Cytation
from ._errors import GrammarError, UnknownMakerError
from ._grammar import Grammar
from ._imagexpress import ImageXpress
from ._incell import InCell
from ._ngff import OmeNgff
from ._openhcs import OpenHCS
from ._phenix import OperaPhenix

ENTRY_POINTS = "hcs.microscopes"

SPECIFIC: tuple[Grammar, ...] = (
    OperaPhenix(),
    CellVoyager(),
    InCell(),
    Cytation(),
    Cellomics(),
    OpenHCS(),
    OmeNgff(),
)
GENERAL: tuple[Grammar, ...] = (ImageXpress(),)
"""Tried last: a text and a well are enough for a name of ImageXpress."""


@cache
def grammars() -> Mapping[str, Grammar]:
    """Return all grammars by the names of their makers.

    They are those of this package and of the entry points ``hcs.microscopes``, in the order in which they
    are tried; one of the same name takes the place of ours. Entry points are looked up once in a process.

    Raises:
        GrammarError: An entry point leads to something else.
    """
    others = [_loaded(entry_point) for entry_point in entry_points(group=ENTRY_POINTS)]
    taken = {grammar.name for grammar in others}
    found = [*SPECIFIC, *others, *GENERAL]
    return MappingProxyType(
        {grammar.name: grammar for grammar in found if grammar in others or grammar.name not in taken}
    )


def grammar_of(maker: str) -> Grammar:
    """Return the grammar of one maker, whose name may be written in small letters.

    Raises:
        UnknownMakerError: There is none.
    """
    for name, grammar in grammars().items():
        if name.casefold() == maker.strip().casefold():
            return grammar
    raise UnknownMakerError(maker, tuple(grammars()))


def _loaded(entry_point: EntryPoint) -> Grammar:
    try:
        found = entry_point.load()
        grammar = found() if isinstance(found, type) else found
    except Exception as error:  # whatever somebody else's import may raise
        raise GrammarError(entry_point.value, f"{type(error).__name__}: {error}") from error
    if not isinstance(grammar, Grammar):
        raise GrammarError(entry_point.value, f"{type(grammar).__name__}, which lacks a part of it")
    return grammar
