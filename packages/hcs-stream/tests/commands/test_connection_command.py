"""`hcs-stream connection` takes in the file of another machine's viewer."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hcs_protocol import Connection, find_connections, read_connection
from hcs_stream import find_viewer
from hcs_stream.cli import main
from hcs_stream.commands import _connection_command

LONG = 30


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Callable[[Connection | bytes], None]:
    """Have something on standard input."""

    def pipe(said: Connection | bytes) -> None:
        data = said if isinstance(said, bytes) else msgspec.json.encode(said)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return pipe


@pytest.fixture(autouse=True)
def own_folder(own_places: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep out of other folders."""
    monkeypatch.setattr(_connection_command, "runtime_folders", lambda: [own_places])
    return own_places


def test_one_line_is_all_it_takes(
    viewer: Any, piped: Any, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    viewer.path.unlink()
    piped(msgspec.structs.replace(viewer.connection, host="0.0.0.0", machine="another"))

    assert main(["connection", "add", "-"]) == 0

    said = capsys.readouterr()
    assert said.out.startswith(f"added  {viewer.connection.data_port} 'fake' on 0.0.0.0")
    found = find_viewer(viewer.connection.data_port, host="0.0.0.0")
    assert found is not None
    assert found.path.stat().st_mode & 0o077 == 0 or sys.platform == "win32"
    found.path.unlink()


def test_a_viewer_that_does_not_answer_is_added_and_told(
    connection: Any, piped: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_connection_command, "ANSWER_SECONDS", 0.05)
    piped(
        connection(5599, **dict.fromkeys(("public_key", "client_public_key", "client_secret_key"), "0" * 40))
    )

    assert main(["connection", "add", "-", "--host", "127.0.0.2"]) == 1

    assert "it does not answer" in capsys.readouterr().err
    assert find_viewer(5599, host="127.0.0.2") is not None


def test_a_machine_that_nobody_named_is_asked_for(
    connection: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "viewer.json"
    file.write_bytes(msgspec.json.encode(connection(pid=2**22 + 1)))

    assert main(["connection", "add", str(file)]) == 1

    assert "Say it with --host" in capsys.readouterr().err


@pytest.mark.parametrize("said", [b"", b"Permission denied", b"{}", b"\xff{", b"[" * 100_000])
def test_what_is_no_file_is_refused(
    piped: Any, own_folder: Path, capsys: pytest.CaptureFixture[str], said: bytes
) -> None:
    piped(said)

    assert main(["connection", "add", "-"]) == 1

    assert "wanted the connection file of a viewer" in capsys.readouterr().err
    assert list(own_folder.glob("viewer-*")) == []


def test_a_file_that_is_missing_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["connection", "add", str(tmp_path / "none.json")]) == 1

    assert "none.json" in capsys.readouterr().err


def test_a_viewer_is_forgotten(connection: Any, own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = own_folder / "viewer-5555.json"
    file.touch(0o600)
    file.write_bytes(msgspec.json.encode(connection(host="imaging-3")))

    assert main(["connection", "remove", "5555"]) == 1
    assert "found those of 5555 'Assay 1' on imaging-3: say its machine" in capsys.readouterr().err
    assert main(["connection", "remove", "5555", "--host", "imaging-3"]) == 0

    assert not file.exists()
    assert "forgot  5555 'Assay 1' on imaging-3" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["remove"], ["remove", "x"], ["remove", "80"]])
def test_a_port_that_is_none_is_wrong_usage(arguments: list[str]) -> None:
    assert main(["connection", *arguments]) == 2


@pytest.fixture
def hold(viewer: Any, own_folder: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[bytes], Path]]]:
    """Hold the file of a viewer as at the end of a tunnel; returns the process, and the file."""
    viewer.path.unlink()
    there = msgspec.structs.replace(viewer.connection, requested_port=5557, machine="another")
    command = [sys.executable, "-m", "hcs_stream", "connection", "hold", "--from", "workstation"]
    environ = os.environ | {"XDG_RUNTIME_DIR": str(own_folder)}
    with contextlib.ExitStack() as started:

        def start() -> tuple[subprocess.Popen[bytes], Path]:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            holding = started.enter_context(subprocess.Popen(command, env=environ, **pipes))
            assert holding.stdin
            assert holding.stdout
            started.callback(holding.stdin.close)
            holding.stdin.write(msgspec.json.encode(there) + b"\n")
            holding.stdin.flush()
            return holding, Path(holding.stdout.readline().decode().removeprefix("held ").strip())

        yield start


def test_a_file_is_held_until_its_tunnel_ends(hold: Any, own_folder: Path) -> None:
    holding, path = hold()

    found = find_viewer(5557)
    assert found is not None
    assert (found.path, found.connection.tunnel and found.connection.tunnel.far_end) == (path, "workstation")
    assert found.ping().title == "fake"
    assert read_connection(path).tunnel
    holding.stdin.close()
    assert holding.wait(LONG) == 0

    assert list(find_connections([own_folder])) == []


def test_of_two_tunnels_to_one_viewer_the_other_is_found_when_one_ends(hold: Any, own_folder: Path) -> None:
    first, _ = hold()
    second, _ = hold()
    second.stdin.close()
    assert second.wait(LONG) == 0

    while not (found := list(find_connections([own_folder]))):
        pass  # what never comes ends with the test's timeout

    assert [known.tunnel and known.tunnel.pid for _, known in found] == [first.pid]
