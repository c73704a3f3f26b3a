"""`hcs-stream manager` where there is no Qt, no display, or both."""

import subprocess
import sys

import pytest

from hcs_stream.cli import main
from hcs_stream.commands._manager_command import has_display

WITHOUT_QT = """
import sys
sys.modules["qtpy"] = None
from hcs_stream.cli import main
sys.exit(main(["manager"]))
"""

IMPORTED = """
import sys, hcs_stream.cli
print([name for name in ("qtpy", "PyQt6", "hcs_stream.manager") if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"QT_QPA_PLATFORM": "offscreen"}, "linux", True),
        ({}, "darwin", True),
        ({}, "win32", True),
    ],
)
def test_where_a_window_can_open_is_known(environ: dict[str, str], platform: str, expected: bool) -> None:
    assert has_display(environ, platform) is expected


def test_without_a_display_one_reads_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("hcs_stream.commands._manager_command.has_display", lambda: has_display({}, "linux"))

    assert main(["manager"]) == 4
    assert "no display: set DISPLAY" in capsys.readouterr().err


def test_without_qt_one_reads_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")

    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_QT], capture_output=True, text=True, timeout=50, check=False
    )

    assert done.returncode == 1
    assert "pip install 'hcs-stream[gui]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_shows_examples_and_what_the_colours_mean(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["manager", "--help"])

    said = capsys.readouterr().out
    assert "Examples:" in said
    assert "red if it does not answer or is gone" in said


def test_no_other_command_imports_qt() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, timeout=50, check=True
    )

    assert done.stdout == "[]\n"
