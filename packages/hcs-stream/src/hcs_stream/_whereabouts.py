"""Where a viewer is: here or on another machine, behind a tunnel or not, and whether it still runs."""

import socket

from hcs_protocol import (
    Connection,
    HcsError,
    Ping,
    Pong,
    Tunnel,
    find_connections,
    is_loopback,
    new_id,
    runtime_folders,
    this_machine,
)
from hcs_protocol.ssh import is_ssh, ssh_place

from ._processes import KnownProcess
from ._requests import ask

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
PROOF_SECONDS = 2.0


def is_at(connection: Connection, host: str) -> bool:
    """Say whether a viewer is on this machine, whatever it calls itself, or found under this name."""
    if connection.tunnel and not _is_of_here(connection.tunnel):
        return False  # its ports are another machine's, with which this one shares a folder
    name, wanted = host_of(connection), str(ssh_place(host)) if is_ssh(host) else host
    is_own = wanted == "localhost" and connection.tunnel is None and is_here(connection)
    return is_own or name == wanted or {name, wanted} <= LOCAL_HOSTS


def is_gone(connection: Connection) -> bool:
    """Say whether this viewer has ended; of another machine's nothing can be proven."""
    return is_here(connection) and not is_running(connection)


def is_here(connection: Connection) -> bool:
    """Say whether this viewer's process is one of this machine: a tunnel may make another's look so."""
    if connection.machine and this_machine():
        return connection.machine == this_machine()
    return connection.tunnel is None and connection.host in LOCAL_HOSTS


def needs_proof(connection: Connection) -> bool:
    """Say whether its file is believed only if it answers, since its address is another machine's for itself.

    From here it leads to nobody, or to somebody else: the viewer ended with its container, or its machine
    shares a folder with this one. It leads there from a container that shares the network of its host.
    """
    is_elsewhere = connection.tunnel is None and bool(connection.machine) and not is_here(connection)
    return is_elsewhere and is_loopback(connection.host)


def answers(connection: Connection) -> bool:
    """Say whether a viewer answers, at this address and to these keys, within moments."""
    try:
        with socket.create_connection((connection.host, connection.control_port), PROOF_SECONDS):
            pass  # refused at once if nobody is there, where ZeroMQ would try again and again
        ask(connection, Ping(id=new_id()), Pong, timeout=PROOF_SECONDS)
    except (HcsError, OSError):
        return False
    return True


def host_of(connection: Connection) -> str:
    """Return what the viewer's machine is called here: who asks for this host finds it."""
    return connection.tunnel.host if connection.tunnel else connection.host


def port_of(connection: Connection) -> int:
    """Return the data port by which people know a viewer: a tunnel's own is another one each time."""
    return connection.requested_port if connection.tunnel else connection.data_port


def machine_name(connection: Connection) -> str:
    """Return which machine a viewer is on, for people; empty if it is this one."""
    if is_here(connection):
        return ""
    return connection.tunnel.far_end if connection.tunnel else connection.host


def is_kept(tunnel: Tunnel | None) -> bool:
    """Say whether the way to a viewer is open: none is needed, or a process here keeps it so."""
    return tunnel is None or (_is_of_here(tunnel) and KnownProcess.keeper_of(tunnel).is_alive)


def is_running(connection: Connection) -> bool:
    """Say whether a local viewer runs; in a user's own napari it may end before the process does."""
    if not KnownProcess.named_by(connection).is_alive:
        return False
    return connection.owns_process or any(
        found.viewer_run == connection.viewer_run for _, found in find_connections(runtime_folders())
    )


def _is_of_here(tunnel: Tunnel) -> bool:
    return tunnel.machine == this_machine()
