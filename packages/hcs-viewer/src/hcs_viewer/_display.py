"""Whether there is a screen to open a window on, before Qt ends the process without one."""

import os
import re
import socket
import sys
import time
from collections.abc import Mapping

from hcs_protocol import NoDisplayError

LOCAL_DISPLAY = re.compile(r"(?:unix)?:(\d+)(?:\.\d+)?")
FIRST_X_PORT = 6000
ANSWER_SECONDS = 1.0
START_SECONDS = 2.0
LOOK_SECONDS = 0.05
_kept: list[socket.socket] = []
"""Connections to displays, open as long as this process: some end when their last client goes."""
VIRTUAL = "start a virtual one with 'Xvfb :99 -screen 0 1600x1200x24 &' and set DISPLAY=:99"


def check_display(environ: Mapping[str, str] = os.environ, *, patience: float = START_SECONDS) -> None:
    """Refuse to start where no window can open.

    Args:
        environ: Where the display is named.
        patience: Seconds for one that is just being started.

    Raises:
        NoDisplayError: Linux without a display, or one of this machine that is not there.
    """
    if not sys.platform.startswith("linux") or environ.get("WAYLAND_DISPLAY"):
        return
    platform, display = environ.get("QT_QPA_PLATFORM"), environ.get("DISPLAY")
    if not display and not platform:
        raise NoDisplayError(f"no display: set DISPLAY, or {VIRTUAL}")
    here = LOCAL_DISPLAY.fullmatch(display or "")
    if here and platform in {None, "", "xcb"} and not _comes(int(here[1]), patience):
        raise NoDisplayError(f"no display: nothing answers at DISPLAY={display}; set it to one, or {VIRTUAL}")


def _comes(number: int, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while (connection := _connected(number)) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_SECONDS)
    _kept.append(connection)
    return True


def _connected(number: int) -> socket.socket | None:
    """Connect to the first of the places where a display of this machine may listen."""
    path = f"/tmp/.X11-unix/X{number}"
    for family, address in (
        (socket.AF_UNIX, f"\0{path}"),
        (socket.AF_UNIX, path),
        (socket.AF_INET, ("localhost", FIRST_X_PORT + number)),
    ):
        probe = socket.socket(family)
        probe.settimeout(ANSWER_SECONDS)
        try:
            probe.connect(address)
        except (OSError, OverflowError):
            probe.close()
        else:
            return probe
    return None
