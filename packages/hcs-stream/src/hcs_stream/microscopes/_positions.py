"""Where in their wells the sites of a plate lie; read when somebody asks, for it takes whole files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ._grammar import Grammar
from ._makers import grammars
from ._plate import Plate


def read_positions(plate: Plate) -> Mapping[tuple[str, str, int], tuple[float, float]]:
    """Read where each site lies: ``y`` and ``x`` in µm from the middle of its well, y upwards.

    Returns:
        By plate, well and site. Empty where the maker's files do not say it: only those of Opera Phenix and
        CellVoyager do.
    """
    others = plate.skipped.get("other", ())
    grammar = grammars().get(plate.maker) or _describing(others)
    files = [path for path in others if grammar and grammar.describes(path.name)]
    found: dict[tuple[str, str, int], tuple[float, float]] = {}
    for folder in dict.fromkeys(path.parent for path in files):
        here = [path for path in files if path.parent == folder]
        positions = grammar.positions(here) if grammar else {}
        for name in _plates(plate, folder, alone=len(here) == len(files)):
            for (well, site), place in positions.items():
                found.setdefault((name, well, site), place)
    return found


def _describing(files: Sequence[Path]) -> Grammar | None:
    """Return the grammar of a maker who describes a plate whose images have names of their own."""
    return next((maker for maker in grammars().values() if any(maker.describes(p.name) for p in files)), None)


def _plates(plate: Plate, folder: Path, *, alone: bool) -> set[str]:
    return {image.plate for image in plate.images if alone or image.path.is_relative_to(folder)}
