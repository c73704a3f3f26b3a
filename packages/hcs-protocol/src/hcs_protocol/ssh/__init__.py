"""The system's OpenSSH client as a child of this process: which machine, which command line, what helps.

It honours the user's configuration, agent and known hosts. It asks nobody anything: there may be nobody.
"""

from ._advice import explain
from ._place import NEAR_HOST, TUNNEL_OPTIONS, SshPlace, forward, is_ssh, ssh_place
from ._process import SshProcess, run_ssh

__all__ = [
    "NEAR_HOST",
    "TUNNEL_OPTIONS",
    "SshPlace",
    "SshProcess",
    "explain",
    "forward",
    "is_ssh",
    "run_ssh",
    "ssh_place",
]
