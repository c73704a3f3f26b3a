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

BUILT_IN: tuple[Grammar, ...] = (
    ImageXpress(),
    OperaPhenix(),
    CellVoyager(),
    InCell(),
    Cytation(),
    Cellomics(),
    OpenHCS(),
    OmeNgff(),
)


@cache
def grammars() -> Mapping[str, Grammar]:
    """Return all grammars by the names of their makers.

    They are those of this package, then those of the entry points ``hcs.microscopes``; one of the same
    name takes the place of ours. Entry points are looked up once in a process.

    Raises:
        GrammarError: An entry point leads to something else.
    """
    found = [*BUILT_IN, *map(_loaded, entry_points(group=ENTRY_POINTS))]
    return MappingProxyType({grammar.name: grammar for grammar in found})


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
