import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from hcs_protocol import (
    Connection,
    ConnectionFileError,
    decode_connection,
    find_connections,
    is_loopback,
    read_connection,
    runtime_folders,
    write_connection,
)

VIEWER = Connection(
    protocol_version=1,
    viewer_run="b7e4910c2d6fa358",
    title="napari on plate 3434, Zellzählung {ü}",
    host="127.0.0.1",
    data_port=5555,
    control_port=6555,
    requested_port=5555,
    pid=4242,
    start_time=1715939423.25,
    public_key="p" * 40,
    client_public_key="c" * 40,
    client_secret_key="s" * 40,
)


def json(connection: Connection) -> bytes:
    return msgspec.json.format(msgspec.json.encode(connection))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "runtime"
    folder.mkdir(mode=0o700)
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_written_is_read_and_found(folder: Path) -> None:
    path = write_connection(VIEWER, [folder])

    assert read_connection(path) == VIEWER
    assert list(find_connections([folder])) == [(path, VIEWER)]


def test_the_kept_file_is_still_read(folder: Path) -> None:
    kept = files("hcs_protocol") / "golden" / "connection" / "viewer-5556.json"
    copy = folder / "copied.json"
    copy.touch(mode=0o600)
    copy.write_bytes(kept.read_bytes())

    assert read_connection(copy).control_port == 6556


@pytest.mark.parametrize(
    "said",
    [
        json(VIEWER).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + json(VIEWER),
        json(VIEWER).decode().encode("utf-16"),
        b"setting ${DISPLAY}\nWelcome {you}!\n" + json(VIEWER) + b"\nbye\n",
        b"{not this one}\n" + json(VIEWER),
    ],
    ids=["line ends of Windows", "a mark of UTF-8", "UTF-16", "a shell that greets", "a brace that is none"],
)
def test_a_file_that_came_through_shells_is_read(said: bytes) -> None:
    assert decode_connection(said, "a pipe") == VIEWER


@pytest.mark.parametrize(("said", "found"), [(b"", "nothing"), (b"\n", "nothing"), (b"no", "something else")])
def test_what_came_instead_of_a_file_is_told(said: bytes, found: str) -> None:
    with pytest.raises(ConnectionFileError, match=rf"found {found} \(a pipe\)"):
        decode_connection(said, "a pipe")


def test_only_this_user_can_read_what_is_written(tmp_path: Path) -> None:
    path = write_connection(VIEWER, [tmp_path / "new"])

    assert (mode(path.parent), mode(path)) == (0o700, 0o600)


def test_writing_again_replaces_the_file_and_leaves_no_other(folder: Path) -> None:
    write_connection(VIEWER, [folder])
    path = write_connection(replace(VIEWER, title="another"), [folder])

    assert read_connection(path).title == "another"
    assert list(folder.iterdir()) == [path]


@pytest.mark.parametrize("change", [{"machine": "theirs"}, {"host": "127.0.0.2"}, {"host": "10.0.0.9"}])
def test_another_address_may_have_the_same_port(folder: Path, change: dict[str, str]) -> None:
    before = replace(VIEWER, **{"viewer_run": "before", "machine": "ours"} | change)
    after = replace(VIEWER, viewer_run="after", machine="ours")

    paths = [write_connection(connection, [folder]) for connection in (before, after, after)]

    assert [path.name for path in paths[1:]] == ["viewer-5555-after.json"] * 2
    assert dict(find_connections([folder])) == {paths[0]: before, paths[1]: after}


def test_who_had_the_very_address_before_is_replaced(folder: Path) -> None:
    write_connection(replace(VIEWER, viewer_run="killed"), [folder])
    path = write_connection(VIEWER, [folder])

    assert list(find_connections([folder])) == [(path, VIEWER)]


def test_a_failed_write_leaves_nothing(folder: Path) -> None:
    (folder / "viewer-5555.json").mkdir()

    with pytest.raises(ConnectionFileError, match="directory"):
        write_connection(VIEWER, [folder])

    assert [path.name for path in folder.iterdir()] == ["viewer-5555.json"]


def test_the_first_folder_that_can_be_written_is_taken(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "open to all").mkdir()
    (tmp_path / "open to all").chmod(0o755)
    unfit = [tmp_path / "missing" / "folder", tmp_path / "file", tmp_path / "open to all"]

    path = write_connection(VIEWER, [*unfit, folder, tmp_path / "later"])

    assert path == folder / "viewer-5555.json"


def test_when_no_folder_takes_it_each_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)

    with pytest.raises(ConnectionFileError, match=r"file: File exists; .*set HCS_RUNTIME_DIR") as caught:
        write_connection(VIEWER, [tmp_path / "file", tmp_path / "link"])

    assert "no link" in str(caught.value)


def test_all_folders_are_searched(folder: Path, tmp_path: Path) -> None:
    write_connection(VIEWER, [folder])
    write_connection(replace(VIEWER, data_port=5556), [folder])
    write_connection(replace(VIEWER, data_port=5557), [tmp_path / "other"])

    found = find_connections([folder, tmp_path / "missing", tmp_path / "other"])

    assert [connection.data_port for _, connection in found] == [5555, 5556, 5557]


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[" * 60_000, b'{"title": "\xff"}', b" " * 100_000, b'{"protocol_version": "new"}'],
    ids=["empty", "no fields", "deep", "no UTF-8", "long", "wrong type"],
)
def test_a_file_that_cannot_be_read_is_skipped(folder: Path, content: bytes) -> None:
    path = write_connection(VIEWER, [folder])
    (folder / "viewer-1111.json").touch(mode=0o600)
    (folder / "viewer-1111.json").write_bytes(content)

    assert [found for found, _ in find_connections([folder])] == [path]


def test_files_of_others_names_are_not_looked_at(folder: Path) -> None:
    (folder / "bus").touch()
    (folder / ".viewer-abc.new").touch()

    assert list(find_connections([folder])) == []


@pytest.mark.parametrize("change", [{"pid": 0}, {"pid": -1}, {"data_port": 0}, {"control_port": 65536}])
def test_a_process_or_port_that_cannot_be_is_refused(folder: Path, change: dict[str, int]) -> None:
    path = write_connection(VIEWER, [folder]).rename(folder / "copied.json")
    [(name, value)] = change.items()
    path.write_text(path.read_text().replace(f'"{name}": {getattr(VIEWER, name)}', f'"{name}": {value}'))

    with pytest.raises(ConnectionFileError, match=name):
        read_connection(path)


def test_the_secret_key_is_not_shown() -> None:
    assert VIEWER.client_secret_key not in repr(VIEWER)
    assert VIEWER.client_secret_key not in str(VIEWER.__rich_repr__())
    assert f"title={VIEWER.title!r}" in repr(VIEWER)


NO_KEYS = {"public_key": "", "client_public_key": "", "client_secret_key": ""}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_viewer_of_this_machine_may_have_no_keys(folder: Path, host: str) -> None:
    insecure = replace(VIEWER, host=host, **NO_KEYS)

    assert read_connection(write_connection(insecure, [folder])) == insecure
    assert (insecure.is_secure, VIEWER.is_secure) == (False, True)


@pytest.mark.parametrize(
    "change", [{"host": "10.0.0.9", **NO_KEYS}, {"public_key": ""}, {"client_secret_key": ""}]
)
def test_a_file_that_lacks_keys_is_refused(folder: Path, change: dict[str, str]) -> None:
    path = write_connection(replace(VIEWER, **change), [folder])

    with pytest.raises(ConnectionFileError, match="wanted three keys"):
        read_connection(path)


@pytest.mark.parametrize("name", ["public_key", "client_public_key", "client_secret_key"])
@pytest.mark.parametrize("key", ["short", "p" * 41, "ü" * 40, " " * 40, "#" * 40])
def test_keys_that_zeromq_would_not_take_are_refused(folder: Path, name: str, key: str) -> None:
    path = write_connection(replace(VIEWER, **{name: key}), [folder])

    with pytest.raises(ConnectionFileError, match="wanted keys of 40 characters") as caught:
        read_connection(path)

    assert key not in str(caught.value)


@pytest.mark.parametrize("host", ["", "user@10.0.0.9", "my host", "host/x", "ü", "*", "[::1]", "-x"])
def test_what_is_no_machine_is_refused(folder: Path, host: str) -> None:
    path = write_connection(replace(VIEWER, host=host), [folder])

    with pytest.raises(ConnectionFileError, match=re.escape(f"found {host!r}")):
        read_connection(path)
    with pytest.raises(ConnectionFileError, match="wanted the name or address of the machine"):
        decode_connection(json(replace(VIEWER, host=host)), "a pipe")


@pytest.mark.parametrize("run", ["", "../../x", "a\\b", "a\0b", "a\n", "r" * 65])
def test_a_run_that_is_no_part_of_a_file_name_is_refused(run: str) -> None:
    with pytest.raises(ConnectionFileError, match="as the viewer_run"):
        decode_connection(json(replace(VIEWER, viewer_run=run)), "a pipe")


@pytest.mark.parametrize("host", ["imaging-3.lab_2", "10.0.0.9", "fe80::1%eth0", "::1", "Workstation"])
def test_a_machine_may_be_named_in_many_ways(folder: Path, host: str) -> None:
    path = write_connection(replace(VIEWER, host=host), [folder])

    assert read_connection(path).host == host
    assert decode_connection(json(VIEWER), "a pipe", host).host == host


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:192.0.2.1", False),
        ("localhost", True),
        ("0.0.0.0", False),
        ("", False),
    ],
)
def test_a_loopback_address_is_known(host: str, is_here: bool) -> None:
    assert is_loopback(host) is is_here


def test_a_newer_viewers_extra_field_is_skipped(folder: Path) -> None:
    path = write_connection(VIEWER, [folder])
    path.write_text(path.read_text().replace("{", '{"mood": "fine",', 1))

    assert read_connection(path) == VIEWER


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFileError, match="viewer-5555"):
        read_connection(tmp_path / "viewer-5555.json")


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No file takes a byte; nobody has asked for a temporary folder before."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(tempfile, "tempdir", None)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists instead")
class TestOnPosix:
    @pytest.mark.parametrize("open_to_others", [0o640, 0o604, 0o660, 0o777])
    def test_a_file_open_to_others_is_refused_with_the_remedy(
        self, folder: Path, open_to_others: int
    ) -> None:
        path = write_connection(VIEWER, [folder])
        path.chmod(open_to_others)

        with pytest.raises(ConnectionFileError, match=re.escape(f"chmod go= {path}")):
            read_connection(path)

    def test_a_file_of_another_user_is_refused(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write_connection(VIEWER, [folder])
        monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)

        with pytest.raises(ConnectionFileError, match="owner"):
            read_connection(path)

    def test_a_folder_of_another_user_is_refused(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        owner = folder.stat().st_uid
        monkeypatch.setattr(os, "getuid", lambda: owner + 1)

        with pytest.raises(ConnectionFileError, match=f"as owner, found user {owner}: ") as refused:
            write_connection(VIEWER, [folder])
        assert "chmod" not in str(refused.value)  # which only its owner can

    @pytest.mark.parametrize("open_to_others", [0o755, 0o770, 0o1777])
    def test_a_folder_open_to_others_is_not_searched(self, folder: Path, open_to_others: int) -> None:
        write_connection(VIEWER, [folder])
        folder.chmod(open_to_others)

        assert list(find_connections([folder])) == []

    def test_nor_is_one_of_another_user_or_a_link_to_one(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_connection(VIEWER, [folder])
        (tmp_path / "link").symlink_to(folder)

        assert list(find_connections([tmp_path / "link"])) == []
        monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
        assert list(find_connections([folder])) == []

    def test_a_link_is_refused(self, folder: Path) -> None:
        path = write_connection(VIEWER, [folder])
        (folder / "viewer-1111.json").symlink_to(path)

        with pytest.raises(ConnectionFileError, match="viewer-1111"):
            read_connection(folder / "viewer-1111.json")

    def test_a_pipe_keeps_nobody_waiting(self, folder: Path) -> None:
        os.mkfifo(folder / "viewer-1111.json", mode=0o600)

        assert list(find_connections([folder])) == []

    def test_the_run_folder_and_a_temporary_one_come_last(self) -> None:
        tail = [Path(f"/run/user/{os.getuid()}"), Path(tempfile.gettempdir(), f"hcs-{os.getuid()}")]

        assert runtime_folders({}) == tail
        assert runtime_folders({"HCS_RUNTIME_DIR": "/a", "XDG_RUNTIME_DIR": "/b"}) == [
            Path("/a"),
            Path("/b"),
            *tail,
        ]

    def test_a_full_disk_changes_no_folder(self, full_disk: None) -> None:
        private = f"hcs-{os.getuid()}"

        assert runtime_folders({})[-1] == Path("/tmp", private)
        assert runtime_folders({"TMPDIR": "/own"})[-1] == Path("/own", private)

    def test_a_folder_named_twice_is_searched_once(self) -> None:
        usual = f"/run/user/{os.getuid()}"

        assert runtime_folders({"XDG_RUNTIME_DIR": usual}) == runtime_folders({"HCS_RUNTIME_DIR": ""})


def test_on_windows_the_users_temporary_folder_is_private_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    path = write_connection(VIEWER, [folder])
    path.chmod(0o666)

    assert runtime_folders({}) == [Path(tempfile.gettempdir(), "hcs")]
    assert read_connection(path) == VIEWER
