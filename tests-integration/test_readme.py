"""What the README says works."""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import hcs_stream

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
PYTHON_BLOCKS = [text for language, text in BLOCKS if language == "python"]
SHELL_BLOCKS = [text for language, text in BLOCKS if language == "bash"]

Python = Callable[..., CompletedProcess[str]]


@pytest.mark.parametrize("block", PYTHON_BLOCKS)
def test_the_lines_of_python_show_an_image(
    block: str, viewer: hcs_stream.Viewer, python: Python, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCS_DATA_PORT", str(viewer.connection.data_port))

    done = python(block)

    assert done.returncode == 0, done.stderr
    assert [layer.images for layer in viewer.state().layers] == [1]


@pytest.mark.parametrize("block", SHELL_BLOCKS)
def test_the_commands_name_sessions_that_exist(block: str) -> None:
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    sessions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list}

    named = re.findall(r"nox -s (\w+)", block)

    assert named
    assert sessions >= set(named)


def test_there_are_blocks_of_both_kinds_and_the_files_that_are_linked() -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", README)

    assert PYTHON_BLOCKS
    assert len(SHELL_BLOCKS) == 2
    assert [link for link in links if not (ROOT / link).exists()] == []
