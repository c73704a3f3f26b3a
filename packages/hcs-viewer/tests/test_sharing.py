"""Workers elsewhere get their end of a tunnel; a script stands in for ssh and for what it runs there."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from hcs_protocol import Connection, TunnelError
from hcs_protocol.ssh import SshPlace
from hcs_viewer._sharing import share

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="scripts of a POSIX shell")
PLACE = SshPlace("me@server")
SAYS_PORTS = """
echo "$@" >> {folder}/argv
echo "Welcome!"
echo "Allocated port 41000 for remote forward to 127.0.0.1:5555" >&2
echo "Allocated port 41001 for remote forward to 127.0.0.1:6555" >&2
read file
echo "$file" >> {folder}/files
echo "held /run/viewer-41000.json"
"""
VIEWER = Connection(
    protocol_version=1,
    viewer_run="one",
    title="Assay 7",
    host="0.0.0.0",  # nothing is bound
    data_port=5555,
    control_port=6555,
    requested_port=5555,
    pid=1,
    start_time=1.0,
    public_key="p" * 40,
    client_public_key="c" * 40,
    client_secret_key="a-secret" * 5,
)


class Shared:
    """What was told, and when the viewer ends."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.is_there: Callable[[], bool] = lambda: len(self.files) < 1 or not self.told
        monkeypatch.setenv("HCS_SSH", str(folder / "ssh"))

    def ssh(self, script: str) -> None:
        """Let a script be ssh."""
        path = self.folder / "ssh"
        path.write_text(f"#!/bin/sh\n{script.format(folder=self.folder)}\n")
        path.chmod(0o700)

    @property
    def files(self) -> list[Connection]:
        """What arrived at the other end."""
        path = self.folder / "files"
        lines = path.read_text().splitlines() if path.exists() else []
        return [msgspec.json.decode(line, type=Connection) for line in lines]

    def share(self) -> None:
        """Share until the viewer ends."""
        share(
            PLACE,
            lambda: VIEWER if self.is_there() else None,
            ready=lambda where: self.told.append(f"ready {where}"),
            tell=self.told.append,
            sleep=lambda seconds: None,
            environ=os.environ,
        )


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shared]:
    """A viewer that is shared by a script."""
    return Shared(tmp_path, monkeypatch)


def test_what_is_held_there_names_the_ports_there(shared: Shared) -> None:
    shared.ssh(SAYS_PORTS + "exec sleep 1000")

    shared.share()

    assert shared.told == ["ready me@server:/run/viewer-41000.json"]
    [file] = shared.files
    assert (file.host, file.data_port, file.control_port) == ("127.0.0.1", 41000, 41001)
    assert (file.requested_port, file.viewer_run) == (5555, "one")


def test_the_secret_is_in_no_command_line(shared: Shared) -> None:
    shared.ssh(SAYS_PORTS + "exec sleep 1000")

    shared.share()

    said = (shared.folder / "argv").read_text()
    assert "a-secret" not in said
    assert "-R127.0.0.1:0:127.0.0.1:5555 -R127.0.0.1:0:127.0.0.1:6555" in said


def test_one_that_is_cut_is_opened_again(shared: Shared) -> None:
    shared.ssh(SAYS_PORTS + "[ -e {folder}/cut ] && exec sleep 1000; touch {folder}/cut; exit 255")
    shared.is_there = lambda: "the tunnel is open again" not in shared.told

    shared.share()

    assert shared.told[0].startswith("ready")
    assert "images wait there" in shared.told[1]
    assert shared.told[2] == "the tunnel is open again"


@pytest.mark.parametrize(
    ("script", "helps"),
    [
        ('echo "bash: hcs-stream: command not found" >&2; exit 127', "HCS_REMOTE_STREAM="),
        (
            'echo "Warning: remote port forwarding failed for listen port 0" >&2; exit 255',
            "AllowTcpForwarding",
        ),
        ('echo "me@server: Permission denied (publickey)." >&2; exit 255', "ssh-copy-id me@server"),
    ],
)
def test_what_keeps_it_from_opening_is_told(shared: Shared, script: str, helps: str) -> None:
    shared.ssh(script)

    with pytest.raises(TunnelError, match=helps):
        shared.share()
