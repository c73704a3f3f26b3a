"""What the page about configuration says works."""

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import hcs_stream

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "configure-streaming.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_lines_of_python_stream_what_the_filter_lets_through(
    viewer: hcs_stream.Viewer,
    python: Callable[..., CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HCS_DATA_PORT", str(viewer.connection.data_port))
    monkeypatch.chdir(tmp_path)
    [toml] = [text for language, text in BLOCKS if language == "toml"]
    Path("screen.toml").write_text(toml, encoding="utf-8")

    done = python("\n".join(text for language, text in BLOCKS if language == "python"))

    assert done.returncode == 0, done.stderr
    assert [layer.images for layer in viewer.state().layers] == [1]
