"""The commands that end viewers: by asking them, and by force."""

import argparse
from functools import partial

from hcs_protocol import ViewerStalledError
from hcs_stream._viewer import STOP_SECONDS, Ending, Viewer
from hcs_stream._viewers import viewers
from hcs_stream._whereabouts import is_at, is_here

from ._complaints import complain
from ._seconds import add_seconds
from ._ssh_option import reach_all_as_said
from ._viewers_by_port import Outcome, a_port, add_host, add_ports, at_once, for_each_viewer, named

STOP = """Ask viewers to close; one that does not is ended by SIGTERM, then by SIGKILL.

Examples:
  hcs-stream stop 5555               the viewer of this port
  hcs-stream stop 5555 5557          several, at once
  hcs-stream stop --all              all of yours on this machine
  hcs-stream stop 5555 --timeout 30  be patient with one that draws a lot

What a viewer shows is gone with it; what pipelines sent and it had not taken yet waits for the next one on
this port. A frozen viewer is not waited for. A napari that you started yourself stops listening, and stays.
Exit status: 0 all ended, 1 one is not there or did not end, 2 wrong usage.
"""
KILL = """End viewers at once by SIGKILL, whatever they are doing: for one that hangs.

Examples:
  hcs-stream kill 5555               the viewer of this port
  hcs-stream kill 5555 5557          several
  hcs-stream viewers                 shows which one is frozen or does not answer

Its process is known by pid and start time: a stranger that has the port, or the pid by now, is not touched.
What pipelines sent and it had not taken yet waits for the next viewer on this port. A viewer of another
machine, or a napari that you started yourself, is asked by 'hcs-stream stop'.
Exit status: 0 all killed, 1 one is not there or cannot be killed, 2 wrong usage.
"""


def add_stop_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # what add_subparsers() returns
) -> None:
    """Add ``stop`` to the commands of a parser."""
    parser = commands.add_parser(
        "stop",
        help="ask viewers to close, and end those that do not",
        description=STOP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "ports",
        nargs="*",
        default=[],
        type=a_port,
        metavar="PORT",
        help="data ports that viewers have, or were asked for",
    )
    which.add_argument("--all", action="store_true", help="stop all viewers of this user on the machine")
    add_host(parser)
    add_seconds(parser, "--timeout", STOP_SECONDS, "after asking, and after SIGTERM, for how long to wait")
    parser.add_argument("--json", action="store_true", help="print one JSON object per viewer and line")
    parser.set_defaults(run=stop_viewers)


def add_kill_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # what add_subparsers() returns
) -> None:
    """Add ``kill`` to the commands of a parser."""
    parser = commands.add_parser(
        "kill",
        help="end viewers at once, by force",
        description=KILL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_ports(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object per viewer and line")
    parser.set_defaults(run=kill_viewers)


def stop_viewers(options: argparse.Namespace) -> int:
    """Stop what the options say; return the exit status."""
    stop = partial(_stop, timeout=options.timeout)
    if not options.all:
        return for_each_viewer(options, stop, as_json=options.json)
    host, is_reached = reach_all_as_said(options)
    if not is_reached:
        return 1
    running = [viewer for viewer in viewers() if is_at(viewer.connection, host)]
    if not running:
        complain("no viewer runs: there is nothing to stop")
    return at_once(running, stop, as_json=options.json)


def kill_viewers(options: argparse.Namespace) -> int:
    """Kill what the options say; return the exit status."""
    return for_each_viewer(options, _kill, as_json=options.json)


def _stop(viewer: Viewer, *, timeout: float) -> Outcome:
    was_stopped = viewer.is_stopped
    ending = viewer.stop(timeout)
    if is_here(viewer.connection) and viewer.is_alive:
        raise ViewerStalledError(f"viewer {named(viewer)} did not end: its system waits for something")
    why = "it was frozen" if was_stopped else f"it did not close within {timeout:g} s"
    words = _words(ending, why) if viewer.connection.owns_process else "stopped listening"
    return Outcome(viewer, f"viewer {named(viewer)} {words}", {"ended": ending})


def _words(ending: Ending, why: str) -> str:
    match ending:
        case "closed":
            return "closed"
        case "gone":
            return "had ended before"
        case "terminated":
            return f"was terminated: {why}"
        case "killed":
            return f"was killed: {why}, nor did SIGTERM end it"


def _kill(viewer: Viewer) -> Outcome:
    viewer.kill()
    return Outcome(viewer, f"viewer {named(viewer)} was killed", {"ended": "killed"})
