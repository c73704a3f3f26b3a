"""Remove layers from viewers, and their images: those of a run, of a step, or all of them.

Examples:
  hcs-stream clear 5555                          everything; layers that you drew stay
  hcs-stream clear 5555 --step gaussian_blur     what one step made, by its name
  hcs-stream clear 5555 --step 2                 the same by its number, as in Step_02_gaussian_blur
  hcs-stream clear 5555 5557 --run plate-7       what one run sent, in two viewers

'hcs-stream state PORT' says which layers, steps and runs there are. Images that come afterwards make layers
anew. Exit status: 0 cleared, 1 a viewer is not there or has no such layers, 2 wrong usage.
"""

import argparse
from functools import partial

from hcs_protocol import HcsError
from hcs_stream._viewer import REQUEST_SECONDS, Viewer

from ._seconds import add_seconds
from ._viewers_by_port import Outcome, add_ports, answer_of, for_each_viewer, named


class NoSuchRunError(HcsError, LookupError):
    """A viewer has no layers of a run."""

    def __init__(self, viewer: str, run: str, known: tuple[str, ...]) -> None:
        super().__init__(viewer, run, known)
        self.viewer = viewer
        self.run = run
        self.known = known

    def __str__(self) -> str:
        there = ", ".join(map(repr, self.known)) or "no runs at all"
        return f"wanted a run of viewer {self.viewer}, found no layer of {self.run!r}; there are {there}"


def add_clear_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # what add_subparsers() returns
) -> None:
    """Add ``clear`` to the commands of a parser."""
    parser = commands.add_parser(
        "clear",
        help="remove layers from viewers: those of a run, of a step, or all",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_ports(parser)
    parser.add_argument("--run", dest="run_name", metavar="NAME", help="only layers of this run")
    parser.add_argument("--step", metavar="STEP", help="only layers of this step, by its name or its number")
    add_seconds(parser, "--timeout", REQUEST_SECONDS, "for how long to wait for an answer")
    parser.set_defaults(run=clear_viewers)


def clear_viewers(options: argparse.Namespace) -> int:
    """Remove what the options say; return the exit status."""
    clear = partial(_clear, run=options.run_name, step=options.step, timeout=options.timeout)
    return for_each_viewer(options, clear)


def _clear(viewer: Viewer, *, run: str | None, step: str | None, timeout: float) -> Outcome:
    before = answer_of(viewer, lambda: viewer.state(timeout=timeout)).layers
    runs = tuple(dict.fromkeys(layer.run for layer in before))
    if run is not None and run not in runs:
        raise NoSuchRunError(named(viewer), run, runs)
    answer_of(viewer, lambda: viewer.clear(run, step, timeout=timeout))
    left = answer_of(viewer, lambda: viewer.state(timeout=timeout)).layers
    text = f"cleared viewer {named(viewer)}: {len(before)} layers before, {len(left)} now"
    return Outcome(viewer, text, {"layers_before": len(before), "layers": len(left)})
