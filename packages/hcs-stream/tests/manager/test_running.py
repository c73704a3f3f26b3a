"""The window as a process: Ctrl-C closes it, and an error in it does not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

LONG = 60
SAYS_WHEN_OPEN = """
import sys
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from hcs_stream.manager import main

app = QApplication(["test"])
QTimer.singleShot(0, lambda: print("open", flush=True))
"""
FAILS = """
def fail():
    raise ZeroDivisionError("a bug")

def look():
    [window] = [each for each in app.topLevelWidgets() if each.windowTitle().startswith("HCS viewers")]
    print(window.statusBar().currentMessage(), flush=True)
    window.close()

QTimer.singleShot(100, fail)
QTimer.singleShot(500, look)
"""


@pytest.fixture
def environ(own_places: Path) -> dict[str, str]:
    """Have no screen, but Qt's own."""
    return {**os.environ, "QT_QPA_PLATFORM": "offscreen"}


@pytest.mark.skipif(sys.platform == "win32", reason="there, no signal can be sent to one process")
@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_the_window(environ: dict[str, str], name: signal.Signals) -> None:
    code = f"{SAYS_WHEN_OPEN}\nsys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"

        process.send_signal(name)

        assert process.wait(LONG) == 0


def test_an_error_in_a_slot_is_shown_and_logged_and_the_window_lives_on(environ: dict[str, str]) -> None:
    code = f"{SAYS_WHEN_OPEN}{FAILS}\nsys.exit(main())"

    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=LONG, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == "open\nSomething went wrong in this window: ZeroDivisionError('a bug')\n"
    assert "ZeroDivisionError: a bug" in done.stderr


def test_the_window_remembers_where_it_was_closed(environ: dict[str, str], tmp_path: Path) -> None:
    code = f"{SAYS_WHEN_OPEN}\nQTimer.singleShot(300, app.closeAllWindows)\nsys.exit(main())"

    subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, timeout=LONG, check=True)

    assert (tmp_path / "config" / "hcs" / "manager.json").is_file()
