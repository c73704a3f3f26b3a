"""`hcs-viewer connection` hands out the permission to use a viewer, and only to where it is wanted."""

import io
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from hcs_protocol import (
    PROTOCOL_VERSION,
    Connection,
    Tunnel,
    decode_connection,
    read_connection,
    start_ticks,
    this_machine,
    write_connection,
)
from hcs_viewer import _connection_command, _running
from hcs_viewer.__main__ import main

SECRET = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
New = Callable[..., tuple[Connection, Path]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where connection files lie."""
    place = tmp_path / "run"
    place.mkdir(mode=0o700)
    monkeypatch.setattr(_running, "runtime_folders", lambda: [place])
    monkeypatch.delenv("HCS_DATA_PORT", raising=False)
    return place


@pytest.fixture
def new(folder: Path) -> New:
    """Write the file of a viewer whose process is this one."""

    def write(data_port: int = 5555, **changes: object) -> tuple[Connection, Path]:
        connection = Connection(
            protocol_version=PROTOCOL_VERSION,
            viewer_run=f"run-{data_port}",
            title="Assay 7",
            host="127.0.0.1",
            data_port=data_port,
            control_port=data_port + 1000,
            requested_port=data_port,
            pid=os.getpid(),
            start_time=psutil.Process().create_time(),
            start_ticks=start_ticks(os.getpid()),
            machine=this_machine(),
            public_key="-" * 40,
            client_public_key="-" * 40,
            client_secret_key=SECRET,
        )
        connection = msgspec.structs.replace(connection, **changes)
        return connection, write_connection(connection, [folder])

    return write


def test_a_pipe_gets_the_file(new: New, capsys: pytest.CaptureFixture[str]) -> None:
    known, _ = new(5555)

    assert main(["connection", "5555"]) == 0

    said = capsys.readouterr()
    assert msgspec.json.decode(said.out, type=Connection) == known
    assert said.err == ""


def test_a_title_with_umlauts_is_printed_whatever_this_machine_speaks(
    new: New, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    known, _ = new(5555, title="Zellzählung µ")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.FileIO(1, "wb", closefd=False), "ascii"))

    assert main(["connection", "5555"]) == 0
    assert main(["connection", "--all"]) == 0

    one, every = re.split(rb"(?<=\})\n(?=\{)", capfdbinary.readouterr().out)
    assert msgspec.json.decode(one, type=Connection) == msgspec.json.decode(every, type=Connection) == known


def test_a_terminal_does_not(
    new: New, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new(5555)
    monkeypatch.setattr(_connection_command.sys.stdout, "isatty", lambda: True)

    assert main(["connection", "5555"]) == 1

    said = capsys.readouterr()
    assert SECRET not in said.out + said.err
    assert "hcs-viewer connection 5555 --ssh user@server" in said.err
    assert main(["connection", "--all"]) == 1


def test_the_other_machine_is_told_how_to_reach_this_one(
    new: New, capsys: pytest.CaptureFixture[str]
) -> None:
    new(5555, host="0.0.0.0")  # nothing is bound

    assert main(["connection", "--host", "10.0.0.9"]) == 0

    said = capsys.readouterr()
    assert msgspec.json.decode(said.out, type=Connection).host == "10.0.0.9"
    assert said.err == ""


def test_a_viewer_that_listens_everywhere_is_named_after_its_machine(
    new: New, capsys: pytest.CaptureFixture[str]
) -> None:
    new(5555, host="0.0.0.0")

    assert main(["connection"]) == 0

    said = capsys.readouterr()
    assert msgspec.json.decode(said.out, type=Connection).host not in {"", "0.0.0.0"}
    assert "else give --host" in said.err


def test_one_that_listens_to_this_machine_alone_needs_a_tunnel(
    new: New, capsys: pytest.CaptureFixture[str]
) -> None:
    new(5555)

    assert main(["connection", "--host", "10.0.0.9"]) == 0

    assert "only through a tunnel" in capsys.readouterr().err


def test_a_file_is_this_users_alone(new: New, tmp_path: Path) -> None:
    known, _ = new(5555)
    place = tmp_path / "viewer.json"
    place.write_text("older")
    place.chmod(0o666)

    assert main(["connection", "--to", str(place)]) == 0

    assert read_connection(place) == known
    if sys.platform != "win32":
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"run", "viewer.json"}


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such files")
def test_a_pipe_or_a_link_stays_what_it_is(new: New, tmp_path: Path) -> None:
    known, _ = new(5555)
    pipe, link, place = (tmp_path / name for name in ("pipe", "link", "place"))
    os.mkfifo(pipe)
    link.symlink_to(place)

    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert main(["connection", "--to", str(pipe)]) == 0
        assert decode_connection(reader.communicate()[0], "a pipe") == known
    assert main(["connection", "--to", str(link)]) == 0

    assert pipe.is_fifo()
    assert link.is_symlink()
    assert read_connection(place) == known


def test_where_it_cannot_be_written_is_told(
    new: New, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new(5555)

    assert main(["connection", "--to", str(tmp_path / "missing" / "viewer.json")]) == 1

    assert "cannot write" in capsys.readouterr().err


def test_its_path_is_no_secret(new: New, capsys: pytest.CaptureFixture[str]) -> None:
    _, path = new(5555)

    assert main(["connection", "--path"]) == 0

    assert capsys.readouterr().out == f"{path}\n"


@pytest.mark.parametrize(
    ("arguments", "port"), [(["5557"], 5557), (["5600"], 5557), ([], 5555), (["5555"], 5555)]
)
def test_a_viewer_is_named_by_the_port_that_it_has_or_was_asked_for(
    new: New, capsys: pytest.CaptureFixture[str], arguments: list[str], port: int
) -> None:
    new(5555)
    new(5557, requested_port=5600)

    assert main(["connection", *arguments]) == 0

    assert msgspec.json.decode(capsys.readouterr().out, type=Connection).data_port == port


def test_the_only_viewer_needs_no_port(new: New, capsys: pytest.CaptureFixture[str]) -> None:
    new(5560)

    assert main(["connection"]) == 0

    assert msgspec.json.decode(capsys.readouterr().out, type=Connection).data_port == 5560


def test_all_are_a_line_each(new: New, capsys: pytest.CaptureFixture[str]) -> None:
    new(5555)
    new(5556)

    assert main(["connection", "--all"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert {msgspec.json.decode(line, type=Connection).data_port for line in lines} == {5555, 5556}


@pytest.mark.parametrize(
    "changes",
    [
        {"pid": 2**22 + 1},
        {"start_time": 1.0, "start_ticks": 1},
        {"machine": "another"},
        {"tunnel": Tunnel(host="ssh://there", far_end="there", pid=1, start_time=1.0)},
    ],
)
def test_a_viewer_that_does_not_run_here_is_none(
    new: New, capsys: pytest.CaptureFixture[str], changes: dict[str, object]
) -> None:
    new(5555, **changes)
    new(5556, title="another")

    assert main(["connection", "5555"]) == 1

    assert "no viewer of this user runs on port 5555; running: 5556 'another'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["telepathy"], ["80"], ["--host", "user@server"], ["--path", "--all"], ["5555", "5556"]]
)
def test_wrong_usage_is_status_2(arguments: list[str], folder: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["connection", *arguments])

    assert ended.value.code == 2


def test_help_teaches_by_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["connection", "--help"])

    said = capsys.readouterr().out
    assert (
        "ssh user@workstation hcs-viewer connection --host workstation | hcs-stream connection add -" in said
    )
    assert "Exit status:" in said


def test_one_that_lets_everybody_in_is_not_shared_through_a_tunnel(
    new: New, capsys: pytest.CaptureFixture[str]
) -> None:
    new(5555, public_key="", client_public_key="", client_secret_key="")

    assert main(["connection", "--ssh", "user@server"]) == 1
    assert "everybody on user@server: start it without --insecure" in capsys.readouterr().err


def test_no_machine_for_ssh_is_told_before_it_is_run(new: New, capsys: pytest.CaptureFixture[str]) -> None:
    new(5555)

    assert main(["connection", "--ssh=-oProxyCommand=x"]) == 1
    assert "wanted a machine" in capsys.readouterr().err
