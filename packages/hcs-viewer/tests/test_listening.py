"""Listening, as a viewer of its own does it once and somebody's napari again and again."""

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from hcs_protocol import Connection, ViewerState, find_connections, new_id
from hcs_protocol.testing import FakeClock, FakeLender, FakeOpener
from hcs_viewer import ViewerSettings
from hcs_viewer._inbox import Inbox
from hcs_viewer._listening import listening
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

    def listening(self, settings: ViewerSettings) -> AbstractContextManager[ViewerSettings]:
        return listening(
            settings,
            blocks=FakeOpener(FakeLender()),
            orphans=NoOrphans(),
            store=self.store,
            to_window=Inbox(lambda: None),
            to_receiver=Inbox(lambda: None),
            presence=self.presence,
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


def test_an_error_while_it_listens_closes_it_too(parts: Parts, found: Callable[[], list[Connection]]) -> None:
    with pytest.raises(RuntimeError, match="mine"), parts.listening(free()):
        raise RuntimeError("mine")

    assert not found()
