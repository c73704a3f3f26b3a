"""Listening, as a viewer of its own does it once and somebody's napari again and again."""

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import pytest

from hcs_protocol import CONTROL_OFFSET, Connection, ViewerState, find_connections, new_id
from hcs_protocol.testing import FakeClock, FakeLender, FakeOpener
from hcs_viewer import ViewerSettings
from hcs_viewer._inbox import Inbox
from hcs_viewer._listening import listening, next_free
from hcs_viewer._presence import Presence
from hcs_viewer._store import Store


class NoOrphans:
    def adopt_orphans(self, is_ours: object, adopt: object) -> int:
        return 0


class Parts:
    """What outlives one time of listening."""

    def __init__(self) -> None:
        self.presence = Presence(title="t", viewer_run=new_id(), clock=FakeClock())
        self.store = Store()

    def listening(
        self, settings: ViewerSettings, *, owns_process: bool = True
    ) -> AbstractContextManager[ViewerSettings]:
        return listening(
            settings,
            blocks=FakeOpener(FakeLender()),
            orphans=NoOrphans(),
            store=self.store,
            to_window=Inbox(lambda: None),
            to_receiver=Inbox(lambda: None),
            presence=self.presence,
            owns_process=owns_process,
        )


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Parts:
    monkeypatch.setenv("HCS_RUNTIME_DIR", str(tmp_path))
    return Parts()


@pytest.fixture
def found(tmp_path: Path) -> Callable[[], list[Connection]]:
    return lambda: [connection for _, connection in find_connections([tmp_path])]


def free(data_port: int = 24600) -> ViewerSettings:
    return ViewerSettings(data_port=data_port, next_free=True)


def test_its_connection_file_is_there_as_long_as_it_listens(
    parts: Parts, found: Callable[[], list[Connection]]
) -> None:
    with parts.listening(free()) as actual:
        (connection,) = found()

    assert (connection.data_port, connection.viewer_run) == (actual.data_port, parts.presence.viewer_run)
    assert not found()


def test_afterwards_the_viewer_is_closing_and_its_ports_are_free(parts: Parts) -> None:
    with parts.listening(free()) as actual:
        pass

    state: ViewerState = parts.presence.state
    assert state == "closing"
    with socket.create_server(("127.0.0.1", actual.data_port)) as taken:
        assert taken.getsockname()[1] == actual.data_port


def test_the_same_parts_listen_a_second_time(parts: Parts, found: Callable[[], list[Connection]]) -> None:
    with parts.listening(free()):
        pass

    with parts.listening(free()):
        assert len(found()) == 1
        assert parts.presence.state == "starting"  # not closing, or the first images would not be taken


def test_an_error_while_it_listens_closes_it_too(parts: Parts, found: Callable[[], list[Connection]]) -> None:
    with pytest.raises(RuntimeError, match="mine"), parts.listening(free()):
        raise RuntimeError("mine")

    assert not found()


def test_a_pair_of_ports_that_is_taken_is_passed_over_as_if_the_next_had_been_wanted() -> None:
    first = next_free(ViewerSettings(data_port=24600)).data_port

    with socket.create_server(("127.0.0.1", first + CONTROL_OFFSET)):
        second = next_free(ViewerSettings(data_port=first)).data_port

    assert second > first


def test_it_says_whether_its_process_is_its_own(parts: Parts, found: Callable[[], list[Connection]]) -> None:
    with parts.listening(free(), owns_process=False):
        (connection,) = found()

    assert not connection.owns_process


@pytest.mark.parametrize(
    ("bind", "host"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.2", "127.0.0.2")]
)
def test_its_file_says_at_which_address_workers_here_find_it(
    parts: Parts, found: Callable[[], list[Connection]], bind: str, host: str
) -> None:
    with parts.listening(msgspec.structs.replace(free(), bind=bind)):
        [connection] = found()

    assert connection.host == host


def test_without_keys_its_file_has_none_and_the_log_says_it(
    parts: Parts, found: Callable[[], list[Connection]], caplog: pytest.LogCaptureFixture
) -> None:
    with parts.listening(msgspec.structs.replace(free(), insecure=True)):
        [connection] = found()

    assert not connection.is_secure
    assert (connection.public_key, connection.client_public_key, connection.client_secret_key) == ("", "", "")
    assert "insecure" in caplog.text
