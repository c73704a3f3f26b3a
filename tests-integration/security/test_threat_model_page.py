"""The page and its tests agree: each line is tested, and each test is of a line."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "explanation" / "threat-model.md"
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def lines() -> list[str]:
    """Return the lines of the page's tables, without their headers."""
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    return [row for row in rows if not row.endswith("| tested by |")]


def written() -> Iterator[tuple[str, str]]:
    """Yield module and name of each test in this folder, this one's excepted."""
    for path in sorted(HERE.glob("test_*.py")):
        if path != Path(__file__):
            for node in ast.parse(path.read_text("utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    yield path.name, node.name


def test_each_line_names_its_test() -> None:
    untested = [line for line in lines() if not NAMED.search(line.split("|")[-2])]

    assert len(lines()) > 30
    assert untested == []


def test_each_named_test_is_there_and_each_that_is_there_is_named() -> None:
    named = {found for line in lines() for found in NAMED.findall(line)}

    assert named == set(written())
