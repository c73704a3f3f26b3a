"""The option by which a command reaches viewers on a machine that ssh leads to."""

import argparse
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from hcs_protocol import HcsError, TunnelError
from hcs_protocol.ssh import is_ssh, ssh_place
from hcs_stream._assembly import ssh_host
from hcs_stream._tunnel import fetch_connections
from hcs_stream._tunnels import await_viewer, reach

from ._complaints import complain

OPEN_SECONDS = 60.0
NEW_ONES_SECONDS = 10.0
"""Between looks for viewers that were started meanwhile."""
HELP = (
    "its machine, if ssh leads there: a tunnel is made, and the viewer need not listen to other machines. "
    "With --host, the machine in between"
)


def add_ssh(options: "argparse._ActionsContainer") -> None:
    """Add ``--ssh`` to a command, or a group of its options."""
    options.add_argument("--ssh", metavar="USER@SERVER", help=HELP)


def reach_as_said(options: argparse.Namespace, ports: Iterable[int]) -> tuple[str, bool]:
    """Have tunnels to the viewers of these ports, if they are wanted; say on standard error what fails.

    Returns:
        The host under which the viewers are found, and whether all are reached.
    """
    try:
        host = ssh_host(options.ssh, options.host)
        if is_ssh(host):
            _reach(host, list(ports))
    except HcsError as error:
        complain(error)
        return options.host, False
    return host, True


def reach_all_as_said(options: argparse.Namespace) -> tuple[str, bool]:
    """Have tunnels to all viewers of the machine that the options say, as `reach_as_said`."""
    try:
        host = ssh_host(options.ssh, options.host)
        found = fetch_connections(ssh_place(host)) if is_ssh(host) else []
    except HcsError as error:
        complain(error)
        return options.host, False
    return reach_as_said(options, [connection.data_port for connection in found])


@contextmanager
def reaching_new_ones(host: str) -> Iterator[None]:
    """Meanwhile, have tunnels also to viewers that are started on a machine, if ssh leads there.

    Nothing is said of what fails: the tunnels that are there say that.
    """
    over = threading.Event()
    if is_ssh(host):
        threading.Thread(target=_reach_new_ones, args=(host, over), name="hcs-reach", daemon=True).start()
    try:
        yield
    finally:
        over.set()  # not waited for: ssh may take its time


def _reach_new_ones(host: str, over: threading.Event) -> None:
    while not over.wait(NEW_ONES_SECONDS):
        with suppress(HcsError):
            for connection in fetch_connections(ssh_place(host)):
                if not over.is_set():
                    reach(host, connection.data_port)


def _reach(host: str, ports: Sequence[int]) -> None:
    for port in ports:
        reach(host, port)
    deadline = time.monotonic() + OPEN_SECONDS
    for port in ports:
        if await_viewer(host, port, deadline - time.monotonic()) is None:
            raise TunnelError(f"no tunnel to {host}, port {port}, within {OPEN_SECONDS:g} s")
