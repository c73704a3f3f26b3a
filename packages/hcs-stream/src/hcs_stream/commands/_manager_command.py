"""Open a window that lists the viewers of this user: which are well, which are ill, and what helps.

From it viewers are launched, closed, killed if nothing else helps, and images are sent to them.
It needs 'pip install "hcs-stream[gui]"', and a display.

Examples:
  hcs-stream manager                   until the window is closed, or Ctrl-C
  hcs-stream manager --style Fusion    in another of Qt's styles (also $QT_STYLE_OVERRIDE)

A viewer is green if its window gave a sign of life in the last two seconds, amber while it starts or closes,
red if it does not answer or is gone. Exit status: 0 closed, 1 no Qt, 2 wrong usage, 4 no display.
"""

import argparse
import os
import sys
from collections.abc import Mapping

NO_QT = "the manager needs Qt: pip install 'hcs-stream[gui]'"
NO_DISPLAY = (
    "no display: set DISPLAY, or start a virtual one with "
    "'Xvfb :99 -screen 0 1600x1200x24 &' and set DISPLAY=:99"
)


def add_manager_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # what add_subparsers() returns
) -> None:
    """Add ``manager`` to the commands of a parser."""
    parser = commands.add_parser(
        "manager",
        help="open a window that lists the viewers, launches, closes and rescues them",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--style", help="one of Qt's styles")
    parser.set_defaults(run=show_manager)


def show_manager(options: argparse.Namespace) -> int:
    """Show the window until it is closed; return the exit status."""
    if not has_display():
        sys.stderr.write(f"hcs-stream: {NO_DISPLAY}\n")
        return 4
    try:
        from hcs_stream.manager import main  # Qt is optional, and nobody else waits for its import
    except ImportError as error:  # of qtpy, too, where it finds no binding
        sys.stderr.write(f"hcs-stream: {NO_QT} ({error})\n")
        return 1
    return main(["-style", options.style] if options.style else [])


def has_display(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Say whether a window can open."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return not platform.startswith("linux") or any(environ.get(name) for name in names)
