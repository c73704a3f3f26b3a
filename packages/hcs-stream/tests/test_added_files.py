"""Another machine's viewer comes into the list by its connection file, whatever that is called."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hcs_protocol import Connection, ConnectionFileError, read_connection
from hcs_stream._added_files import HostWantedError, add_remote

GONE = 2**22 + 1


@pytest.fixture
def file(tmp_path: Path, connection: Callable[..., Connection]) -> Callable[..., Path]:
    """Write the connection file of a viewer, as it came from another machine."""

    def write(data_port: int = 5555, **changes: Any) -> Path:
        path = tmp_path / "from elsewhere.json"
        path.write_bytes(msgspec.json.encode(connection(data_port, pid=GONE, **changes)))
        path.chmod(0o644)
        return path

    return write


@pytest.fixture
def folder(own_places: Path) -> Path:
    """Where connection files are looked for."""
    return own_places


def test_the_copy_is_private_and_found_like_any_other(file: Any, folder: Path) -> None:
    path = add_remote(file(host="imaging-3"), [folder])

    assert path == folder / "viewer-5555.json"
    assert read_connection(path).host == "imaging-3"
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_says_this_machine_needs_the_name_of_the_other(file: Any, folder: Path) -> None:
    source = file()

    with pytest.raises(HostWantedError, match=r"'Assay 1' .* on which one does it"):
        add_remote(source, [folder])
    path = add_remote(source, [folder], "imaging-3")

    assert read_connection(path).host == "imaging-3"


def test_two_machines_viewers_may_have_the_same_port(file: Any, folder: Path) -> None:
    paths = [add_remote(file(host=host, viewer_run=host), [folder]) for host in ("imaging-3", "imaging-4")]

    assert [read_connection(path).host for path in paths] == ["imaging-3", "imaging-4"]


def test_the_same_viewer_is_there_once(file: Any, folder: Path) -> None:
    paths = {add_remote(file(host="imaging-3"), [folder]) for _ in range(2)}

    assert paths == {folder / "viewer-5555.json"}
    assert [path.name for path in folder.iterdir()] == ["viewer-5555.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists instead")
def test_a_folder_that_others_may_use_takes_none(file: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)

    path = add_remote(file(host="imaging-3"), [tmp_path / "shared", folder])

    assert path.parent == folder
    assert list((tmp_path / "shared").iterdir()) == []


def test_the_viewer_that_had_the_port_before_is_forgotten(file: Any, folder: Path) -> None:
    add_remote(file(host="imaging-3", viewer_run="before", start_time=1.0), [folder])
    add_remote(file(host="imaging-4", viewer_run="elsewhere", start_time=1.0), [folder])
    add_remote(file(host="imaging-3", viewer_run="after", start_time=2.0), [folder])
    add_remote(file(host="imaging-3", viewer_run="older", start_time=0.0), [folder])

    there = {read_connection(path).viewer_run for path in folder.glob("viewer-*.json")}
    assert there == {"elsewhere", "after", "older"}


@pytest.mark.parametrize("host", ["user@10.0.0.9", "my host", "ü", "*"])
def test_a_name_that_no_machine_has_is_refused(file: Any, folder: Path, host: str) -> None:
    with pytest.raises(ConnectionFileError, match=r"^wanted the name or address of the machine"):
        add_remote(file(), [folder], host)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{}", "[1]", "not json", '{"host": 3}'])
def test_what_is_no_connection_file_is_refused(tmp_path: Path, folder: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)

    with pytest.raises(ConnectionFileError, match=r"wanted the connection file of a viewer.*other\.json"):
        add_remote(path, [folder])
    assert list(folder.iterdir()) == []


def test_a_file_that_is_missing_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ConnectionFileError, match=r"none\.json"):
        add_remote(tmp_path / "none.json", [folder])


def test_if_no_folder_takes_it_one_reads_why(file: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConnectionFileError, match="no folder takes the connection file"):
        add_remote(file(host="imaging-3"), [tmp_path / "file"])
