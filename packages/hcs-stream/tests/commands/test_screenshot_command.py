"""`hcs-stream screenshot`: whole files, or a reason."""

from pathlib import Path
from typing import Any

import pytest

from hcs_stream.cli import main

Captured = pytest.CaptureFixture[str]


def take(viewer: Any, file: Path) -> int:
    """Take a picture into a file."""
    return main(["screenshot", str(viewer.connection.data_port), str(file)])


def test_a_picture_is_written_over_the_one_before(viewer: Any, tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "window.png"
    file.write_bytes(b"the one before, which was longer")

    assert take(viewer, file) == 0
    assert file.read_bytes() == viewer.png
    assert [path.name for path in tmp_path.glob("*window*")] + list(tmp_path.glob(".hcs-*")) == ["window.png"]
    assert capsys.readouterr().out == (f"wrote {file}, of viewer {viewer.connection.data_port} 'fake'\n")


def test_a_viewer_that_does_not_answer_leaves_the_picture_before(viewer: Any, tmp_path: Path) -> None:
    file = tmp_path / "window.png"
    file.write_bytes(b"before")
    viewer.answers = False

    port = str(viewer.connection.data_port)
    assert main(["screenshot", port, str(file), "--timeout", "0.05"]) == 1
    assert file.read_bytes() == b"before"


@pytest.mark.skipif(not hasattr(Path, "symlink_to"), reason="there are no links here")
def test_a_link_stays_a_link(viewer: Any, tmp_path: Path) -> None:
    (tmp_path / "latest.png").symlink_to(tmp_path / "real.png")

    assert take(viewer, tmp_path / "latest.png") == 0
    assert (tmp_path / "latest.png").is_symlink()
    assert (tmp_path / "real.png").read_bytes() == viewer.png


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("missing/window.png", "wanted a folder for the picture, found nothing at"),
        ("file/window.png", "wanted a folder for the picture, found a file at"),
        ("folder", "wanted a file for the picture, found the folder"),
        ("window.jpg", "wanted a name that ends in .png, found"),
        (f"{'n' * 300}.png", "cannot write"),
    ],
)
def test_what_cannot_be_written_is_said(
    viewer: Any, tmp_path: Path, place: str, why: str, capsys: Captured
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    assert take(viewer, tmp_path / place) == 1
    assert capsys.readouterr().err.startswith(f"hcs-stream: {why}")
    assert not list(tmp_path.glob(".hcs-*"))
