"""A machine that ssh leads to, and the command line that goes there."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from hcs_protocol._errors import TunnelError

SSH = "HCS_SSH"
SCHEME = "ssh://"
NOT_A_WORD = re.compile(r"[^\w@.:%\[\]+~\\-]")  # what shells, ssh's own configuration or a URL would read
PLACE = re.compile(r"([^@]*@)?(?:\[([^]]+)]|([^:@]+))(?::(\d+))?")
"""Its user, its address in brackets or its name, and its port; a bare address of IPv6 is none of these."""
QUIET = {
    "BatchMode": "yes",
    "ConnectTimeout": "10",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "LogLevel": "INFO",
}
"""No question, since nobody may be there to answer; a link that is cut is noticed within 15 seconds."""


TUNNEL_OPTIONS = {
    "ExitOnForwardFailure": "yes",
    "ControlMaster": "no",
    "ControlPath": "none",  # or the ports would outlive this process, in one that ssh shares
    "Compression": "no",
}
NEAR_HOST = "127.0.0.1"
"""Where the ports of a tunnel listen: nobody else's machine gets into one."""
EVERYWHERE = frozenset({"0.0.0.0", "::", "*", ""})


class SshPlace(NamedTuple):
    """Where ssh goes: ``user@server``, a name of the user's configuration, maybe behind another machine."""

    destination: str
    hop: str = ""
    """The machine in between, as with ``ssh -J``."""

    def __str__(self) -> str:
        """Return it as `ssh_place` reads it."""
        return f"{SCHEME}{self.hop}/{self.destination}" if self.hop else f"{SCHEME}{self.destination}"

    @property
    def typed(self) -> str:
        """What somebody would type in a terminal to go there."""
        hop = f"-J {self.hop} " if self.hop else ""
        return f"ssh {hop}{' '.join(word for word in _machine(self.destination) if word != '--')}"

    def command(
        self,
        remote: str = "",
        *,
        options: Mapping[str, str] | None = None,
        forwards: Sequence[str] = (),
        environ: Mapping[str, str] = os.environ,
    ) -> list[str]:
        """Return the command line.

        Args:
            remote: What the shell there is to run; without it, nothing.
            options: Further settings of ssh, as in its configuration.
            forwards: ``-L…`` and ``-R…``.
            environ: ``HCS_SSH`` is the client, with arguments of its own, ``"ssh -F FILE"``.

        Raises:
            TunnelError: A quotation mark in ``HCS_SSH`` has no other.
        """
        nothing = [] if remote else ["-N"]
        client = _client(environ.get(SSH) or "ssh")
        hop = _through(client, self.hop.split(",") if self.hop else [])
        far = [remote] if remote else []
        settings = _settings({**QUIET, **(options or {})})
        return [*client, "-T", *settings, *hop, *forwards, *nothing, *_machine(self.destination), *far]


def _settings(options: Mapping[str, str]) -> list[str]:
    return [f"-o{name}={value}" for name, value in options.items()]


def _client(said: str) -> list[str]:
    try:
        return shlex.split(said, posix=os.name == "posix")
    except ValueError as error:
        raise TunnelError(f"wanted a command line in {SSH}, found {said!r}: {error}") from error


def _machine(destination: str) -> list[str]:
    """Return the last of ssh's arguments: its own URLs have no addresses in brackets."""
    found = PLACE.fullmatch(destination)
    if found is None:
        return ["--", destination]
    user, address, name, port = found.groups()
    return [*(["-p", port] if port else []), "--", f"{user or ''}{address or name}"]


def _through(client: Sequence[str], hops: Sequence[str]) -> list[str]:
    """Return the arguments that lead through these machines, one after another.

    ``-J`` would be the same, but pass no settings on: a machine that wants a password would be given wrong
    ones, until it lets nobody in from here.
    """
    if not hops:
        return []
    if os.name != "posix":  # there, no shell takes apart what is quoted here
        return ["-J", ",".join(hops)]
    *before, last = hops
    words = shlex.join([*_plain(client), "-T", *_settings(QUIET), *_through(client, before)])
    proxy = words.replace("%", "%%") + " -W '[%h]:%p' " + shlex.join(_machine(last)).replace("%", "%%")
    return [f"-oProxyCommand={proxy}"]


def _plain(client: Sequence[str]) -> list[str]:
    """Return the client without arguments that are meant for the last machine, as its user or port, alone."""
    ends = [count for count, word in enumerate(client, 1) if Path(word).stem.lower() == "ssh"]
    end = ends[-1] if ends else len(client)
    program, arguments = client[:end], client[end:]
    own_file = next((place for place, word in enumerate(arguments) if word.startswith("-F")), None)
    if own_file is None:
        return [*program]
    return [*program, *arguments[own_file : own_file + (2 if arguments[own_file] == "-F" else 1)]]


def is_ssh(host: str) -> bool:
    """Say whether a host is one that ssh leads to: ``user@server``, ``ssh://server``."""
    return host.startswith(SCHEME) or "@" in host


def ssh_place(text: str, behind: str | None = None) -> SshPlace:
    """Return the machine that somebody named.

    Args:
        text: ``"user@server"``, a name of the user's ssh configuration, or as a URL
            ``"ssh://user@server:22"``, ``"ssh://user@gateway/user@inner"``.
        behind: The machine with the viewer, if the text names the one in between.

    Raises:
        TunnelError: It is no name of a machine.
    """
    said = text.removeprefix(SCHEME).rstrip("/")
    hop, _, destination = said.rpartition("/") if text.startswith(SCHEME) else ("", "", said)
    if behind:
        hop, destination = ",".join(filter(None, (hop, destination))), behind.removeprefix(SCHEME)
    for name in (destination, *hop.split(",")) if hop else (destination,):
        if not name or name.startswith("-") or NOT_A_WORD.search(name):
            raise TunnelError(f"wanted a machine as 'user@server' or 'ssh://user@server:22', found {text!r}")
    return SshPlace(destination, hop)


def forward(way: Literal["-L", "-R"], port: int, host: str, far_port: int) -> str:
    """Return the argument of ssh that has a port lead to another machine's.

    Args:
        way: ``-L`` from here to there, ``-R`` from there to here.
        port: Where it begins; 0, with ``-R``, is any that is free.
        host: Where a viewer listens, by its connection file.
        far_port: Where the viewer listens.
    """
    known = NEAR_HOST if host in EVERYWHERE else host
    address = f"[{known}]" if ":" in known else known
    return f"{way}{NEAR_HOST}:{port}:{address}:{far_port}"
