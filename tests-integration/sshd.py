"""A real ssh server on this machine's loopback, for as long as a test; its keys and settings are its own."""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

OPEN_SECONDS = 30.0
PRIVILEGE_SEPARATION = Path("/run/sshd")
"""Where a server of root changes its root to; there is no setting for it."""


@contextmanager
def ssh_server(folder: Path, there: Mapping[str, str], *, forwards: bool = True) -> Iterator[str]:
    """Run an ssh server, and yield what ``HCS_SSH`` has to be; its machine is called ``there``.

    Args:
        folder: For its files.
        there: The environment of what runs at the other end.
        forwards: Whether tunnels are allowed.
    """
    program = shutil.which("sshd", path=f"{os.environ.get('PATH')}:/usr/sbin")
    if program is None or shutil.which("ssh") is None:
        pytest.skip("needs sshd: apt-get install openssh-server")
    if os.getuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    port = _free_port()
    for key in ("host_key", "key"):
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key))
    shutil.copy(folder / "key.pub", folder / "authorized_keys")
    host_key = " ".join((folder / "host_key.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    (folder / "nobody_known").touch()
    (folder / "sshd_config").write_text(_server(folder, port, there, forwards=forwards))
    (folder / "ssh_config").write_text(_client(folder, port))
    log = folder / "sshd.log"
    server = subprocess.Popen([program, "-D", "-E", str(log), "-f", str(folder / "sshd_config")])
    try:
        _wait_until_open(port, server, log)
        yield f"ssh -F {folder / 'ssh_config'}"
    finally:
        server.terminate()
        server.wait()


def _server(folder: Path, port: int, there: Mapping[str, str], *, forwards: bool) -> str:
    known = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", **there}
    environment = " ".join(f'"{name}={value}"' for name, value in known.items())
    lines = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder / 'host_key'}",
        f"AuthorizedKeysFile {folder / 'authorized_keys'}",
        f"PidFile {folder / 'sshd.pid'}",
        "StrictModes no",  # the temporary folder is everybody's
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        f"AllowTcpForwarding {'yes' if forwards else 'no'}",
        "MaxStartups 100",
        f"SetEnv {environment}",
    ]
    return "\n".join(lines) + "\n"


def _client(folder: Path, port: int) -> str:
    shared = f"""  HostName 127.0.0.1
  Port {port}
  User {getpass.getuser()}
  IdentityFile {folder / "key"}
  IdentitiesOnly yes
  IdentityAgent none
  StrictHostKeyChecking yes
"""
    known = f"{shared}  UserKnownHostsFile {folder / 'known_hosts'}\n"
    return (
        f"Host there gateway\n{known}"
        f"Host attached\n{known}  RemoteCommand tmux new -A\n  RequestTTY force\n"
        f"Host stranger\n{shared}  UserKnownHostsFile {folder / 'nobody_known'}\n"
        f"Host unwelcome\n{known.replace(str(folder / 'key'), str(folder / 'host_key'))}"
        f"Host nowhere\n{known.replace(f'Port {port}', 'Port 1')}"
    )


def _wait_until_open(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + OPEN_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.skip(f"sshd does not start here: {log.read_text() if log.exists() else 'no log'}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
