"""Who has a port."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hcs_viewer import _port_holders
from hcs_viewer._port_holders import holders, is_let_go, said

LISTENER = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="only its administrator is told")


@pytest.fixture
def closing() -> Iterator[tuple[int, int]]:
    """Pid and port of a process that is called as a viewer is, and has no connection file."""
    command = [sys.executable, "-c", LISTENER, "hcs_viewer"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())


@pytest.fixture(autouse=True)
def no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for connection files where there are none."""
    monkeypatch.setattr(_port_holders, "runtime_folders", lambda: [tmp_path])


def test_who_listens_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        assert [process.pid for process in holders(port)] == [os.getpid()]
        assert said(port) == f"by {psutil.Process().name()!r}, process {os.getpid()}"
        assert not is_let_go(port)


def test_of_a_port_that_is_free_nobody_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert holders(port) == []
    assert "another user's" in said(port)


def test_a_viewer_without_a_connection_file_is_about_to_let_go(closing: tuple[int, int]) -> None:
    pid, port = closing

    assert [process.pid for process in holders(port)] == [pid]
    assert is_let_go(port)
