"""A machine that ssh leads to, and the command line that goes there."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from hcs_protocol._errors import TunnelError

SSH = "HCS_SSH"
SCHEME = "ssh://"
NOT_A_WORD = re.compile(r"[^\w@.:%\[\]+~\\-]")  # what shells, ssh's own configuration or a URL would read
PORT = re.compile(r"^[^:]*:\d+$")  # an address of IPv6 has more colons
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
        return f"ssh -J {self.hop} {self._argument}" if self.hop else f"ssh {self._argument}"

    @property
    def _argument(self) -> str:
        """With a port, or an address in brackets, it has to be a URL."""
        is_url = PORT.search(self.destination) or "[" in self.destination
        return f"{SCHEME}{self.destination}" if is_url else self.destination

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
        """
        settings = [f"-o{name}={value}" for name, value in {**QUIET, **(options or {})}.items()]
        hop = ["-J", self.hop] if self.hop else []
        nothing = [] if remote else ["-N"]
        client = shlex.split(environ.get(SSH) or "ssh", posix=os.name == "posix")
        far = [remote] if remote else []
        return [*client, "-T", *settings, *hop, *forwards, *nothing, "--", self._argument, *far]


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
