"""Write what the window of a viewer looks like to a PNG file.

Examples:
  hcs-stream screenshot 5555 window.png                   the window, with its lists and sliders
  hcs-stream screenshot 5555 images.png --canvas-only     the images alone
  while sleep 60; do hcs-stream screenshot 5555 "$(date +%H%M).png"; done

A file that is there is replaced, at once and as a whole: who reads it finds the old picture or the new one.
Exit status: 0 written, 1 the viewer is not there or did not answer, or the file could not be written,
2 wrong usage.
"""

import argparse
import os
from functools import partial
from pathlib import Path

from hcs_protocol import HcsError
from hcs_stream._viewer import REQUEST_SECONDS, Viewer
from hcs_stream.sending import printable

from ._complaints import complain
from ._seconds import add_seconds
from ._viewers_by_port import Outcome, add_ports, answer_of, for_each_viewer, named


class NoPlaceForPictureError(HcsError, OSError):
    """A picture cannot be written where it is wanted."""


def add_screenshot_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # what add_subparsers() returns
) -> None:
    """Add ``screenshot`` to the commands of a parser."""
    parser = commands.add_parser(
        "screenshot",
        help="write what a viewer's window looks like to a PNG file",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_ports(parser, several=False)
    parser.add_argument("file", type=Path, metavar="FILE", help="the picture; its folder has to be there")
    parser.add_argument("--canvas-only", action="store_true", help="the images without the window")
    add_seconds(parser, "--timeout", REQUEST_SECONDS, "for how long to wait for an answer")
    parser.set_defaults(run=take_screenshot)


def take_screenshot(options: argparse.Namespace) -> int:
    """Write the picture; return the exit status."""
    try:
        _check(options.file)
    except NoPlaceForPictureError as error:
        complain(error)
        return 1
    take = partial(_take, file=options.file, canvas_only=options.canvas_only, timeout=options.timeout)
    return for_each_viewer(options, take)


def _check(file: Path) -> None:
    """Refuse, before the viewer is asked, what could not be written."""
    if os.path.isdir(file):
        raise NoPlaceForPictureError(f"wanted a file for the picture, found the folder {str(file)!r}")
    if not os.path.isdir(file.parent):
        found = "a file" if os.path.exists(file.parent) else "nothing"
        raise NoPlaceForPictureError(
            f"wanted a folder for the picture, found {found} at {str(file.parent)!r}: make it with 'mkdir -p'"
        )
    if file.suffix.lower() not in ("", ".png"):
        raise NoPlaceForPictureError(f"wanted a name that ends in .png, found {str(file)!r}")


def _take(viewer: Viewer, *, file: Path, canvas_only: bool, timeout: float) -> Outcome:
    try:
        answer_of(viewer, lambda: viewer.screenshot(file, canvas_only=canvas_only, timeout=timeout))
    except OSError as error:
        if isinstance(error, HcsError):
            raise
        raise NoPlaceForPictureError(f"cannot write {str(file)!r}: {error.strerror or error}") from error
    return Outcome(viewer, f"wrote {printable(str(file))}, of viewer {named(viewer)}", {"file": str(file)})
