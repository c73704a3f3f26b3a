"""The connection file, while others clean up its folder."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from hcs_protocol import Connection, find_connections, new_id, write_connection
from hcs_viewer._connection_file import ConnectionFile

PATIENCE_SECONDS = 20.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HCS_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path / "run"


@pytest.fixture
def connection() -> Connection:
    return Connection(
        protocol_version=1,
        viewer_run=new_id(),
        title="t",
        host="127.0.0.1",
        data_port=24700,
        control_port=25700,
        requested_port=24700,
        pid=1,
        start_time=0.0,
        public_key="",
        client_public_key="",
        client_secret_key="",
    )


def comes(is_true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        if time.monotonic() > deadline:
            return False
    return True


def test_it_comes_back_with_its_folder_when_both_are_removed(folder: Path, connection: Connection) -> None:
    with ConnectionFile(connection).written() as path:
        shutil.rmtree(folder)

        assert comes(path.exists)
        assert [found for _, found in find_connections([folder])] == [connection]


@pytest.mark.parametrize("junk", [b"", b"{", b"\0" * 4096])
def test_one_that_was_overwritten_is_written_again(folder: Path, connection: Connection, junk: bytes) -> None:
    file = ConnectionFile(connection)
    with file.written() as path:
        path.write_bytes(junk)
        file.mend()

        assert [found for _, found in find_connections([folder])] == [connection]


def test_while_it_is_there_it_is_left_alone(folder: Path, connection: Connection) -> None:
    file = ConnectionFile(connection)
    with file.written() as path:
        before = path.stat().st_ino
        file.mend()

        assert path.stat().st_ino == before


def test_of_two_viewers_of_one_address_the_last_one_has_it(folder: Path, connection: Connection) -> None:
    last = msgspec.structs.replace(connection, viewer_run=new_id())
    file = ConnectionFile(connection)
    with file.written(), ConnectionFile(last).written():
        file.mend()

        assert [found for _, found in find_connections([folder])] == [last]


def test_a_viewer_elsewhere_that_took_its_name_takes_nothing_else(
    folder: Path, connection: Connection
) -> None:
    elsewhere = msgspec.structs.replace(connection, viewer_run=new_id(), host="127.0.0.2")
    file = ConnectionFile(connection)
    with file.written() as path:
        path.unlink()
        write_connection(elsewhere, [folder])
        file.mend()

        assert {found.host for _, found in find_connections([folder])} == {"127.0.0.1", "127.0.0.2"}


def test_when_it_is_over_it_does_not_come_back(folder: Path, connection: Connection) -> None:
    file = ConnectionFile(connection)
    with file.written():
        pass

    file.mend()

    assert not list(folder.iterdir())
