"""The viewers that a command means by their ports, and what it does with each of them."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from hcs_protocol import HcsError, InvalidPortError, ViewerStalledError, check_data_port
from hcs_stream._viewer import Viewer
from hcs_stream._viewers import viewers
from hcs_stream._whereabouts import host_of, is_at, machine_name, port_of
from hcs_stream.sending import printable

from ._complaints import complain
from ._ssh_option import add_ssh, reach_as_said

HOST = "localhost"
AnswerT = TypeVar("AnswerT")


class NoSuchViewerError(HcsError, LookupError):
    """No viewer has a port that a command names, or several were asked for it."""

    def __init__(self, port: int, running: tuple[str, ...], several: bool = False) -> None:
        super().__init__(port, running, several)
        self.port = port
        self.running = running
        """Those there are; or those that were asked for this port."""
        self.several = several

    def __str__(self) -> str:
        if self.several:
            return f"several viewers were asked for port {self.port}: say which of {', '.join(self.running)}"
        if not self.running:
            return f"no viewer runs on port {self.port}, nor on any other: 'hcs-stream start' starts one"
        return (
            f"no viewer runs on port {self.port}; running: {', '.join(self.running)}"
            " — see 'hcs-stream viewers'"
        )


class FrozenViewerError(HcsError, TimeoutError):
    """A viewer's process is stopped: it cannot answer."""

    def __init__(self, data_port: int, title: str, pid: int) -> None:
        super().__init__(data_port, title, pid)
        self.data_port = data_port
        self.title = title
        self.pid = pid

    def __str__(self) -> str:
        return (
            f"viewer {self.data_port} {self.title!r} is frozen, its process is stopped: "
            f"'kill -CONT {self.pid}' lets it go on, 'hcs-stream kill {self.data_port}' ends it"
        )


class Outcome(NamedTuple):
    """What became of one viewer."""

    viewer: Viewer
    text: str
    """For people, maybe several lines."""
    fields: dict[str, object]
    """For programs, beside what tells viewers apart."""

    def json(self) -> str:
        """Return one line of JSON."""
        connection = self.viewer.connection
        shared = ("control_port", "pid", "viewer_run")
        known = {name: getattr(connection, name) for name in shared}
        where = {
            "title": connection.title,
            "host": host_of(connection),
            "data_port": port_of(connection),
        }
        return json.dumps({**where, **known, **self.fields})  # ASCII, for any terminal


def add_ports(parser: argparse.ArgumentParser, *, several: bool = True) -> None:
    """Add the ports of running viewers, and their machine, to a command."""
    said = "the data port that a viewer has, or was asked for"
    if several:
        parser.add_argument("ports", nargs="+", type=a_port, metavar="PORT", help=f"{said}; one or several")
    else:
        parser.add_argument("ports", nargs=1, type=a_port, metavar="PORT", help=said)
    add_host(parser)


def add_host(parser: argparse.ArgumentParser) -> None:
    """Add ``--host`` and ``--ssh`` to a command."""
    parser.add_argument(
        "--host", default=HOST, help="its machine, whose connection file is here (default %(default)s)"
    )
    add_ssh(parser)


def a_port(said: str) -> int:
    """Return the data port that somebody typed."""
    try:
        return check_data_port(int(said))
    except InvalidPortError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"wanted a port such as 5555, found {said!r}") from error


def viewer_at(port: int, host: str, running: Sequence[Viewer]) -> Viewer:
    """Return the viewer that has this port, else the one that was asked for it.

    Who has it comes first, since that is the port that people read in ``hcs-stream viewers``.

    Raises:
        NoSuchViewerError: None has it, or several were asked for it.
    """
    here = [viewer for viewer in running if is_at(viewer.connection, host)]
    has = [viewer for viewer in here if viewer.connection.data_port == port]
    found = has or [viewer for viewer in here if viewer.connection.requested_port == port]
    if len(found) != 1:
        raise NoSuchViewerError(port, tuple(map(named, found or running)), several=bool(found))
    return found[0]


def for_each_viewer(
    options: argparse.Namespace, act: Callable[[Viewer], Outcome], *, as_json: bool = False
) -> int:
    """Do something with the viewers of some ports, all at once; print what became of each, in order.

    Args:
        options: With ``ports`` and ``host``.
        act: What to do; an `HcsError` or `OSError` of one is told, and keeps no other from it.
        as_json: Whether to print for programs.

    Returns:
        The exit status: 0 if it was done with all of them.
    """
    host, is_reached = reach_as_said(options, options.ports)
    running = viewers()
    found = [_found(port, host, running) for port in options.ports] if is_reached else []
    meant = {viewer.connection.viewer_run: viewer for viewer in found if isinstance(viewer, Viewer)}
    missing = [error for error in found if isinstance(error, NoSuchViewerError)]
    for error in missing:
        complain(error)
    status = at_once(list(meant.values()), act, as_json=as_json)
    return status if is_reached and not missing else 1


def at_once(meant: Sequence[Viewer], act: Callable[[Viewer], Outcome], *, as_json: bool = False) -> int:
    """Do something with several viewers at the same time, as `for_each_viewer`."""
    with ThreadPoolExecutor(max(1, len(meant)), "viewer") as threads:
        outcomes = [threads.submit(act, viewer) for viewer in meant]
        done = [tell(outcome.result, as_json=as_json) for outcome in outcomes]
    return 0 if all(done) else 1


def answer_of(viewer: Viewer, ask: Callable[[], AnswerT]) -> AnswerT:
    """Ask a viewer something; one that is stopped is not waited for.

    Raises:
        FrozenViewerError: It is stopped.
        ViewerStalledError: It did not answer in time; the text says what helps.
    """
    known = viewer.connection
    frozen = FrozenViewerError(port_of(known), known.title, known.pid)
    if viewer.is_stopped:
        raise frozen
    try:
        return ask()
    except ViewerStalledError as error:
        if viewer.is_stopped:
            raise frozen from error
        end = f"'hcs-stream stop {port_of(known)}'"
        raise ViewerStalledError(f"{error}; wait longer with --timeout, or end it with {end}") from error


def tell(act: Callable[[], Outcome], *, as_json: bool) -> bool:
    """Print what becomes of a viewer, or on standard error why not; say whether it went well."""
    try:
        outcome = act()
    except (HcsError, OSError) as error:
        complain(error)
        return False
    sys.stdout.write(f"{outcome.json() if as_json else outcome.text}\n")
    sys.stdout.flush()
    return True


def named(viewer: Viewer) -> str:
    """Say which viewer: ``5555 'Assay 7'``."""
    known = viewer.connection
    machine = machine_name(known)
    where = f" on {printable(machine)}" if machine else ""
    return f"{port_of(known)} {known.title!r}{where}"


def _found(port: int, host: str, running: Sequence[Viewer]) -> Viewer | NoSuchViewerError:
    try:
        return viewer_at(port, host, running)
    except NoSuchViewerError as error:
        return error
