"""Why a viewer did not start, in words."""

import signal
import sys

import pytest

from hcs_stream._start_failures import PACKAGE_OF_LIBRARY, advice, ending

QT_WITHOUT_SCREEN = """\
qt.qpa.xcb: could not connect to display :77
qt.qpa.plugin: From 6.5.0, xcb-cursor0 or libxcb-cursor0 is needed to load the Qt xcb platform plugin.
qt.qpa.plugin: Could not load the Qt platform plugin "xcb" in "" even though it was found.
This application failed to start because no Qt platform plugin could be initialized.
"""


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (None, "is not ready"),
        (1, "ended with exit code 1"),
        (127, "ended with exit code 127"),
        pytest.param(
            -6,
            "was ended by signal SIGABRT",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="no signals"),
        ),
    ],
)
def test_how_a_process_ended_is_said_in_words(status: int | None, said: str) -> None:
    assert ending(status) == said


def test_what_a_shell_says_of_a_signal_is_understood() -> None:
    assert ending(128 + signal.SIGTERM) == "ended with exit code 143, as after signal SIGTERM"


@pytest.mark.parametrize(
    ("line", "helps"),
    [
        ("ImportError: libEGL.so.1: cannot open shared object file: No such file or directory", "libegl1"),
        ("OSError: libxcb-shape.so.0: cannot open shared object file: No such file", "libxcb-shape0"),
        ("ImportError: libfoo.so.7: cannot open shared object file", "(what holds libfoo.so.7)"),
        ("xcb-cursor0 or libxcb-cursor0 is needed to load the Qt xcb platform plugin", "libxcb-cursor0"),
        ("failed to start because no Qt platform plugin could be initialized", "libxkbcommon-x11-0"),
        ("qt.qpa.xcb: could not connect to display :77", "no screen answers at :77"),
        ("ModuleNotFoundError: No module named 'napari'", "no 'napari': pip install hcs-viewer there"),
        ("/usr/bin/python3: No module named hcs_viewer", "no 'hcs_viewer': pip install hcs-viewer there"),
        ("hcs-viewer: error: unrecognized arguments: --next-free", "does not know '--next-free'"),
    ],
)
def test_what_the_log_complains_of_is_met_with_what_helps(line: str, helps: str) -> None:
    assert helps in advice(["Traceback", line])


def test_without_a_screen_no_library_is_blamed() -> None:
    assert advice(QT_WITHOUT_SCREEN.splitlines()) == "no screen answers at :77: set DISPLAY to one that does"


def test_what_installs_the_packages_knows_the_same_ones() -> None:
    system_libraries = pytest.importorskip("system_libraries", reason="it is in the repository alone")

    assert system_libraries.PACKAGE_OF_LIBRARY.items() <= PACKAGE_OF_LIBRARY.items()


def test_what_nobody_knows_is_left_to_the_log() -> None:
    assert advice(["ValueError: 7"]) == ""
