"""Why a viewer did not start, in words: how its process ended, its last log lines, and what helps."""

import re
import signal
from collections.abc import Sequence

PORT_TAKEN = 3
"""The exit status of a viewer whose port another program has."""
NO_DISPLAY = 4
"""The exit status of a viewer that has no screen."""
SHELLS_SIGNAL = 128
"""A shell whose command a signal ended says so by its exit status, this much above the signal's number."""

PACKAGE_OF_LIBRARY = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libOpenGL.so.0": "libopengl0",
    "libGLX_mesa.so.0": "libglx-mesa0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
}
"""Debian's and Ubuntu's names of what Qt and OpenGL load, which pip cannot install."""

INSTALL = "sudo apt-get install --no-install-recommends"
NO_LIBRARY = re.compile(r"(lib[\w.+-]+?\.so(?:\.\d+)*): cannot open shared object file")
NEEDS_CURSOR = re.compile(r"xcb-cursor0? .*needed")
NO_SCREEN = re.compile(r"could not connect to display ?(\S+)|[Cc]annot open display:? ?(\S+)")
NO_PLATFORM = re.compile(r"no Qt platform plugin could be initialized")
NO_MODULE = re.compile(r"No module named '?([\w.]+)")
UNKNOWN_ARGUMENT = re.compile(r"unrecognized arguments: (.*)")


def ending(status: int | None) -> str:
    """Say how a process ended, by its exit status as `subprocess` has it; None is that it did not."""
    if status is None:
        return "is not ready"
    if name := _signal_name(-status):
        return f"was ended by signal {name}"
    if name := _signal_name(status - SHELLS_SIGNAL):
        return f"ended with exit code {status}, as after signal {name}"
    return f"ended with exit code {status}"


def advice(lines: Sequence[str]) -> str:
    """Say what helps against what a viewer's last lines complain of; an empty text if nothing is known."""
    said = "\n".join(lines)
    if packages := _missing_packages(said):
        return f"system libraries are missing: {INSTALL} {' '.join(packages)}"
    if found := NO_SCREEN.search(said):  # Qt blames libraries then, missing or not
        return f"no screen answers at {found[1] or found[2]}: set DISPLAY to one that does"
    if NEEDS_CURSOR.search(said):
        return f"Qt cannot use the screen: {INSTALL} {PACKAGE_OF_LIBRARY['libxcb-cursor.so.0']}"
    if NO_PLATFORM.search(said):
        packages = sorted(PACKAGE_OF_LIBRARY.values())
        return f"Qt cannot use the screen; it may lack libraries: {INSTALL} {' '.join(packages)}"
    if found := NO_MODULE.search(said):
        return f"the viewer's environment has no {found[1]!r}: pip install hcs-viewer there"
    if found := UNKNOWN_ARGUMENT.search(said):
        return f"the viewer does not know {found[1]!r}: update it, or take another command"
    return ""


def _missing_packages(said: str) -> list[str]:
    libraries = set(NO_LIBRARY.findall(said))
    return sorted({PACKAGE_OF_LIBRARY.get(library, f"(what holds {library})") for library in libraries})


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""
