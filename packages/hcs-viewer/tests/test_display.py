"""Whether there is a screen."""

import socket
import sys
from pathlib import Path

import pytest

from hcs_protocol import NoDisplayError
from hcs_viewer import _display
from hcs_viewer._display import check_display

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is a screen")

NOBODYS = "65432"


def test_without_a_display_one_reads_how_to_get_one() -> None:
    with pytest.raises(NoDisplayError, match="no display: set DISPLAY, or start a virtual one with 'Xvfb"):
        check_display({})


@pytest.mark.parametrize("display", [f":{NOBODYS}", f"unix:{NOBODYS}.0"])
def test_a_display_that_is_not_there_is_named(display: str) -> None:
    with pytest.raises(NoDisplayError, match=f"nothing answers at DISPLAY={display}"):
        check_display({"DISPLAY": display}, patience=0)


@pytest.mark.parametrize(
    "environ",
    [
        {"WAYLAND_DISPLAY": "wayland-0"},
        {"QT_QPA_PLATFORM": "offscreen"},
        {"QT_QPA_PLATFORM": "offscreen", "DISPLAY": f":{NOBODYS}"},
        {"DISPLAY": "another.machine:10.0"},
    ],
)
def test_what_cannot_be_asked_is_left_to_qt(environ: dict[str, str]) -> None:
    check_display(environ, patience=0)


def test_a_display_that_answers_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(_display, "FIRST_X_PORT", port - int(NOBODYS))

        check_display({"DISPLAY": f":{NOBODYS}.0"}, patience=0)

        kept = _display._kept.pop()
        with kept, server.accept()[0] as seen:
            seen.setblocking(False)
            with pytest.raises(BlockingIOError):  # a display whose last client goes may end
                seen.recv(1)
