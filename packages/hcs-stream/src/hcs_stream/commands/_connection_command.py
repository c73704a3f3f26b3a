"""Add the connection file of another machine's viewer to those here, or take it away.

Examples:
  ssh user@workstation hcs-viewer connection --host workstation | hcs-stream connection add -
  hcs-stream connection add viewer.json --host workstation      a file that was copied here
  hcs-stream connection remove 5555 --host workstation          forget it, here

The first line is all that it takes for a viewer that listens to other machines. One that listens on its own
machine alone is reached by ssh, without a file: 'hcs-stream send --ssh user@workstation', or, typed at the
workstation, 'hcs-viewer connection --ssh user@server', which runs 'hcs-stream connection hold' here.
Whoever has the file may use the viewer until that ends: it is kept where this user alone can read it.
Exit status: 0 done, 1 not done, or added and the viewer does not answer, 2 wrong usage.
"""

import argparse
import contextlib
import os
import signal
import sys
import threading
from pathlib import Path

from hcs_protocol import (
    Connection,
    ConnectionFileError,
    HcsError,
    ViewerStalledError,
    decode_connection,
    find_connections,
    runtime_folders,
    this_machine,
    write_connection,
)
from hcs_stream._added_files import MAX_NBYTES, HostWantedError, add_connection
from hcs_stream._tunnel import check_keys, near_end
from hcs_stream._viewer import Viewer
from hcs_stream._whereabouts import answers, is_at, is_here
from hcs_stream.sending import printable

from ._complaints import complain
from ._viewers_by_port import HOST, a_port, named

ANSWER_SECONDS = 5.0
HOLD_SECONDS = 1.0
"""Between looks whether the file that is held is there."""


def add_connection_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # what add_subparsers() returns
) -> None:
    """Add ``connection`` to the commands of a parser."""
    parser = commands.add_parser(
        "connection",
        help="add the connection file of another machine's viewer, or take it away",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=("add", "remove", "hold"), help="what to do")
    parser.add_argument(
        "what",
        nargs="?",
        metavar="FILE|PORT",
        help="what to add, - is standard input; or the data port of the viewer that is to be forgotten",
    )
    parser.add_argument("--host", metavar="NAME", help="the viewer's machine, as this one reaches it")
    parser.add_argument(
        "--from",
        dest="far_end",
        default="another machine",
        metavar="NAME",
        help="whose tunnel it is, to hold",
    )
    parser.set_defaults(run=run_connection)


def run_connection(options: argparse.Namespace) -> int:
    """Do what the options say; return the exit status."""
    actions = {"add": _add, "remove": _remove, "hold": _hold}
    try:
        return actions[options.action](options)
    except (HcsError, OSError) as error:
        complain(error)
        return 1
    except argparse.ArgumentTypeError as error:
        complain(str(error))
        return 2


def _add(options: argparse.Namespace) -> int:
    said, source = options.what or "-", "standard input"
    if said == "-":
        if sys.stdin.isatty():
            complain("wanted a connection file on standard input: pipe it, or name it; --help shows how")
            return 2
        data = sys.stdin.buffer.read(MAX_NBYTES)
    else:
        data, source = Path(said).read_bytes()[:MAX_NBYTES], said
    try:
        connection, path = add_connection(data, source, runtime_folders(), options.host)
    except HostWantedError as error:
        raise ConnectionFileError(
            f"{error} Say it with --host, if it listens to other machines; else use --ssh USER@MACHINE"
        ) from error
    viewer = Viewer(connection, path)
    sys.stdout.write(f"added  {printable(named(viewer))}  {path}\n")
    sys.stdout.flush()
    return _check(viewer)


def _check(viewer: Viewer) -> int:
    known = viewer.connection
    try:
        viewer.ping(ANSWER_SECONDS)
    except ViewerStalledError:
        complain(
            f"it does not answer: does it run, does it listen to other machines, and are the ports "
            f"{known.data_port} and {known.control_port} of {known.host} reachable from here? "
            "Where only ssh gets through, --ssh makes a tunnel"
        )
        return 1
    return 0


def _remove(options: argparse.Namespace) -> int:
    port, host = a_port(options.what or ""), options.host or HOST
    added = [
        Viewer(connection, path)
        for path, connection in find_connections(runtime_folders())
        if not is_here(connection)
    ]
    found = [
        viewer
        for viewer in added
        if port in {viewer.connection.data_port, viewer.connection.requested_port}
        and is_at(viewer.connection, host)
    ]
    if not found:
        others = ", ".join(printable(named(viewer)) for viewer in added)
        raise ConnectionFileError(
            f"wanted a file that was added, of a viewer on {host!r}, port {port}; "
            + (f"found those of {others}: say its machine with --host" if others else "found none")
        )
    for viewer in found:
        viewer.forget()
        sys.stdout.write(f"forgot  {printable(named(viewer))}\n")
    return 0


def _hold(options: argparse.Namespace) -> int:
    """Have the connection file that comes on standard input here, until that ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    there = decode_connection(sys.stdin.buffer.readline(MAX_NBYTES), "standard input")
    check_keys(there)
    _forget_others(there)
    connection = near_end(
        there, [there.data_port, there.control_port], HOST, options.far_end, there.requested_port
    )
    path = write_connection(connection, runtime_folders())
    try:
        sys.stdout.write(f"held {path}\n")
        sys.stdout.flush()
        ended = threading.Event()
        threading.Thread(target=_read_to_the_end, args=(ended,), name="hcs-hold", daemon=True).start()
        while not ended.wait(HOLD_SECONDS):
            if not _is_known(connection.viewer_run) and answers(connection):  # another tunnel took its place
                path = write_connection(connection, runtime_folders())
    finally:
        Viewer(connection, path).forget()
    return 0


def _read_to_the_end(ended: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 1 << 10):
            pass
    ended.set()


def _is_known(viewer_run: str) -> bool:
    return any(found.viewer_run == viewer_run for _, found in find_connections(runtime_folders()))


def _forget_others(there: Connection) -> None:
    """Forget earlier tunnels to this viewer: a link that was cut leaves them, and they lead nowhere.

    Those of another machine, with which this one shares a folder, are left alone.
    """
    for path, connection in find_connections(runtime_folders()):
        is_ours = connection.tunnel is not None and connection.tunnel.machine == this_machine()
        if is_ours and connection.viewer_run == there.viewer_run:
            Viewer(connection, path).forget()
