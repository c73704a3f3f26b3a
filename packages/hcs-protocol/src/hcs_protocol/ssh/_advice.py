"""What ssh complains of, in words that help."""

import re

from hcs_protocol._errors import TunnelError

from ._place import PLACE, SshPlace

SAID_LINES = 6
SSHS_OWN = 255
"""The exit status of ssh itself; any other is that of what it ran there."""
NOT_FOUND = 127
"""The exit status of a shell that does not find a command; cmd.exe says it otherwise."""


KNOWN: list[tuple[str, str, bool]] = [
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its key is another one than last time: ask who looks after it; if that is right, "
        "'ssh-keygen -R {host}' forgets the old one",
        True,
    ),
    (
        r"Host key verification failed|No \S+ host key is known",
        "its key is not known here: run '{typed}' once in a terminal, compare the key, and say yes",
        True,
    ),
    (
        r"Permission denied|Too many authentication failures|No supported authentication methods",
        "it does not let this user in without a password, which nobody can type here: 'ssh-copy-id "
        "{destination}' gives it your key ('ssh-keygen' makes one, 'ssh-add' unlocks it); then '{typed}' "
        "has to ask nothing",
        True,
    ),
    (
        r"Bad configuration option|Bad owner or permissions",
        "the configuration of ssh here has a mistake",
        True,
    ),
    (
        r"Could not resolve hostname|Name or service not known",
        "no machine of this name is known here: is it spelled so, and are you in its network?",
        True,
    ),
    (
        r"administratively prohibited|remote port forwarding failed|request failed on channel",
        "its ssh server forbids tunnels: who looks after it can set 'AllowTcpForwarding yes' in sshd_config",
        True,
    ),
    (
        r"cannot listen to port|bind \[.*: Address already in use|Could not request local forwarding",
        "a port for the tunnel is taken here: maybe by a LocalForward of your ssh configuration, "
        "which another ssh has open",
        False,
    ),
    (r"Connection refused", "no ssh server answers there{not_viewers}", False),
    (
        r"timed out|Timeout|No route to host|Network is unreachable",
        "it cannot be reached: is it switched on, and are you in its network (VPN)?",
        False,
    ),
    (r"Connection reset|Connection closed|Broken pipe|closed by remote", "the link was cut", False),
]
HOP_FAILED = re.compile(r"UNKNOWN port 65535")
"""So ssh calls the other end of what goes through a machine in between, when that lets nobody through."""
NO_PROGRAM = re.compile(
    r"(?:command )?not found|is not recognized|No such file or directory|CommandNotFoundException"
)
UNKNOWN = re.compile(r"unrecognized arguments|invalid choice|usage: ")


def explain(
    place: SshPlace, status: int | None, said: str, *, program: str = "", variable: str = ""
) -> TunnelError:
    """Return what is wrong, and what helps.

    Args:
        place: Where ssh went.
        status: Its exit status.
        said: What it, and what it ran there, wrote on standard error.
        program: What was run there.
        variable: Which variable says how that is called there.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    quoted = " / ".join(lines[-SAID_LINES:]) or f"nothing, exit status {status}"
    for pattern, help_, lasts in KNOWN:
        if status in {None, SSHS_OWN} and re.search(pattern, said):
            machine = place.hop if place.hop and HOP_FAILED.search(said) else place.destination
            words = help_.format(
                typed=place.typed,
                destination=machine,
                host=machine.rpartition("@")[2],
                not_viewers=_not_viewers(machine),
            )
            return TunnelError(f"{place.typed}: {words} (it said: {quoted})", lasts=lasts)
    if program and status != SSHS_OWN:
        return _of_program(place, status, said, quoted, program, variable)
    return TunnelError(f"{place.typed} ended: {quoted}", lasts=False)


def _not_viewers(machine: str) -> str:
    """Say of a port that it is that of ssh, for who meant the viewer's."""
    found = PLACE.fullmatch(machine)
    if found is None or found[4] is None:
        return ""
    return f" at its port {found[4]}; if that is the viewer's, say it apart, data_port={found[4]}"


def _of_program(
    place: SshPlace, status: int | None, said: str, quoted: str, program: str, variable: str
) -> TunnelError:
    name = re.split(r"[\s/\\]", program.rstrip("'\" "))[-1]
    if status == NOT_FOUND or NO_PROGRAM.search(said):
        return TunnelError(
            f"{place.typed}: no {program!r} is found there, where ssh reads no profile: install it, or say "
            f"where it is, {variable}=/home/me/env/bin/{name} (it said: {quoted})"
        )
    if UNKNOWN.search(said):
        return TunnelError(
            f"{place.typed}: {program!r} there is older than this one: update it (it said: {quoted})"
        )
    return TunnelError(f"{place.typed}: {quoted}", lasts=False, is_there=True)
