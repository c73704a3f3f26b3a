"""Say what the windows of viewers show: layers from top to bottom, sliders, camera.

Examples:
  hcs-stream state                         for people: of the viewer on $HCS_DATA_PORT, else 5555
  hcs-stream state 5555 5557               of two viewers
  hcs-stream state --json                  for programs: one JSON object per viewer and line
  hcs-stream state --json | jq -r '.layers[].name'

A viewer answers between two frames, after the images that came before the question. One that is stopped is
not waited for. Exit status: 0 told, 1 a viewer is not there or did not answer, 2 wrong usage.
"""

import argparse
import sys
from functools import partial

import msgspec

from hcs_protocol import InvalidPortError, State, default_data_port
from hcs_stream._viewer import REQUEST_SECONDS, Viewer

from ._complaints import complain
from ._seconds import add_seconds
from ._state_table import state_table
from ._viewers_by_port import Outcome, a_port, add_host, answer_of, for_each_viewer
from ._viewers_table import new_console

PORTS = "data ports that viewers have, or were asked for; else $HCS_DATA_PORT, else 5555"


def add_state_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # what add_subparsers() returns
) -> None:
    """Add ``state`` to the commands of a parser."""
    parser = commands.add_parser(
        "state",
        help="say what viewers show: layers, sliders, camera",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("ports", nargs="*", type=a_port, metavar="PORT", help=PORTS)
    add_host(parser)
    add_seconds(parser, "--timeout", REQUEST_SECONDS, "for how long to wait for an answer")
    parser.add_argument("--json", action="store_true", help="print one JSON object per viewer and line")
    parser.set_defaults(run=tell_state)


def tell_state(options: argparse.Namespace) -> int:
    """Print what viewers show; return the exit status."""
    try:
        options.ports = options.ports or [default_data_port()]
    except InvalidPortError as error:
        complain(error)
        return 1
    return for_each_viewer(options, partial(_state, timeout=options.timeout), as_json=options.json)


def _state(viewer: Viewer, *, timeout: float) -> Outcome:
    state = answer_of(viewer, lambda: viewer.state(timeout=timeout))
    return Outcome(viewer, _rendered(viewer, state), _fields(state))


def _rendered(viewer: Viewer, state: State) -> str:
    console = new_console(sys.stdout)
    with console.capture() as captured:
        console.print(state_table(viewer, state))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _fields(state: State) -> dict[str, object]:
    """Return all that was said; zeros are in it, which messages leave out."""
    fields = msgspec.structs.asdict(state)
    del fields["reply_to"]
    fields["layers"] = [msgspec.structs.asdict(layer) for layer in state.layers]
    plain: dict[str, object] = msgspec.to_builtins(fields)
    return plain
