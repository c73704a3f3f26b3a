#!/usr/bin/env python3
"""Fail if code imports a private module of an hcs package it does not belong to.

A package's own tests may open its private modules, and chaos and fuzz those whose parts they replace.
Ruff's PLC2701 cannot tell whose tests they are, and the import contracts see only what is installed; this
script tells by the path.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PLACES = ("packages", "tests-integration", "docs")
REPLACE_PARTS = (Path("tests-integration/chaos"), Path("tests-integration/fuzz"))


def private_imports(source: str, *, own: str) -> list[tuple[int, str]]:
    """Find line and dotted name of imports that are private to hcs packages other than ``own``."""
    return [(line, name) for line, name in _imports(ast.parse(source)) if _is_private(name, own)]


def owner(path: Path) -> str:
    """Name the package that a file belongs to, or "" if it is outside the packages."""
    match path.parts:
        case ("packages", distribution, *_):
            return distribution.replace("-", "_")
        case _:
            return ""


def main() -> int:
    """Check every file and print what was found."""
    found = [
        f"{path}:{line}: {name} is private to its package"
        for place in PLACES
        for path in sorted(Path(place).rglob("*.py"))
        if not any(map(path.is_relative_to, REPLACE_PARTS))
        for line, name in private_imports(path.read_text("utf-8"), own=owner(path))
    ]
    print("\n".join(found) or "no private module of another package is imported")
    return bool(found)


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in names)


def _is_private(name: str, own: str) -> bool:
    package, *inner = name.split(".")
    return (
        package.startswith("hcs_")
        and package != own
        and any(part.startswith("_") and not part.startswith("__") for part in inner)
    )


if __name__ == "__main__":
    sys.exit(main())
