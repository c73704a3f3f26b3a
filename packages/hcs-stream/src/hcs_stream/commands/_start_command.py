"""Start a viewer, and wait until it is ready; one that runs on this port already is not started again.

Examples:
  hcs-stream start                            on $HCS_DATA_PORT, else 5555; stays when this command is over
  hcs-stream start 5556 --title "Assay 7"     a second viewer
  hcs-stream start 5556 --next-free           if another program has 5556, on the next free port
  hcs-stream start --command "conda run -n napari hcs-viewer"     from another environment
  hcs-stream start 5556 --foreground          until it is closed; it ends with this command, as by Ctrl-C
  HCS_VIEWER_SPARE=1 hcs-stream start         and keep a hidden one ready, which the next start takes at once
  PORT=$(hcs-stream start --json | jq .data_port)

Without PORT a viewer takes the next free ports if another program has the usual ones: pipelines that ask for
these find it all the same. A PORT that you name is taken, or refused.
Exit status: 0 ready, 1 did not start, 2 wrong usage, 3 the port is another program's, 4 no display.
"""

import argparse
import time
from contextlib import suppress

from hcs_protocol import HcsError, NoDisplayError, PortTakenError
from hcs_stream._starting import start_viewer
from hcs_stream._viewer import Viewer
from hcs_stream._viewer_kinds import NAPARI
from hcs_stream._viewers import viewers
from hcs_stream.sending import printable

from ._complaints import complain
from ._seconds import add_seconds
from ._viewer_options import CONNECT_SECONDS
from ._viewers_by_port import Outcome, a_port, named, tell

LOOK_SECONDS = 0.2
PORT_TAKEN, NO_DISPLAY = 3, 4


def add_start_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # what add_subparsers() returns
) -> None:
    """Add ``start`` to the commands of a parser."""
    parser = commands.add_parser(
        "start",
        help="start a viewer, unless one runs on this port",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "port", nargs="?", type=a_port, metavar="PORT", help="its data port; else $HCS_DATA_PORT, else 5555"
    )
    parser.add_argument("--title", help="of its window")
    parser.add_argument(
        "--command",
        metavar="COMMAND",
        help="what starts it; else $HCS_VIEWER_COMMAND, else the viewer",
    )
    parser.add_argument(
        "--kind", default=NAPARI, help="among the viewers that are installed (default %(default)s)"
    )
    parser.add_argument(
        "--next-free", action="store_true", help="if another program has PORT, take the next free ports"
    )
    parser.add_argument(
        "--foreground", action="store_true", help="stay until it is closed, and end it with this command"
    )
    add_seconds(parser, "--timeout", CONNECT_SECONDS, "within which it has to be ready")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=start_as_said)


def start_as_said(options: argparse.Namespace) -> int:
    """Start what the options say; return the exit status."""
    before = {viewer.connection.viewer_run for viewer in viewers()}
    try:
        viewer = start_viewer(
            options.port,
            title=options.title,
            persistent=not options.foreground,
            viewer_command=options.command,
            kind=options.kind,
            on_port_conflict="next" if options.next_free or options.port is None else "error",
            timeout=options.timeout,
        )
    except (HcsError, OSError, ValueError) as error:
        complain(error)
        return _status(error)
    is_new = viewer.connection.viewer_run not in before
    if options.foreground and not is_new:
        complain(f"viewer {named(viewer)} runs already: it does not end with this command")
        return 1
    with suppress(KeyboardInterrupt):
        tell(lambda: _outcome(viewer, is_new=is_new), as_json=options.json)
        while options.foreground and viewer.is_alive:
            time.sleep(LOOK_SECONDS)
    if options.foreground:
        viewer.stop()
    return 0


def _outcome(viewer: Viewer, *, is_new: bool) -> Outcome:
    known = viewer.connection
    state = "ready" if is_new else "runs already"
    ports = f"data {known.data_port}  control {known.control_port}"
    moved = f"  (asked for {known.requested_port})" if known.requested_port != known.data_port else ""
    return Outcome(
        viewer,
        f"{state}  {ports}  pid {known.pid}  {printable(known.title)}{moved}",
        {"requested_port": known.requested_port, "started": is_new},
    )


def _status(error: Exception) -> int:
    if isinstance(error, PortTakenError):
        return PORT_TAKEN
    return NO_DISPLAY if isinstance(error, NoDisplayError) else 1
