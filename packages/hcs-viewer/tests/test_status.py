"""The status dock in a real window: in place, once a second, and only while somebody can see it."""

import contextlib
from collections.abc import Callable, Iterator

import napari
import pytest
from pytestqt.qtbot import QtBot

from hcs_protocol import Counters, Latency, Pong, WorkerStatus
from hcs_protocol.testing import FakeClock
from hcs_viewer import ViewerSettings
from hcs_viewer._answers import answer
from hcs_viewer._inbox import Inbox, StatusRequest, ToReceiver, ToWindow
from hcs_viewer._listener import Listener
from hcs_viewer._listeners import listeners
from hcs_viewer._presence import Presence
from hcs_viewer._status import PERIOD_MILLISECONDS, SILENT, WAITING, Status
from hcs_viewer._store import Store
from hcs_viewer._window import Window

SEEN = Pong(
    reply_to="",
    viewer_run="v",
    title="t",
    state="ready",
    window_age_seconds=0.0,
    counters=Counters(received=3, adopted=3, shown=2, workers=1),
    protocol_version=1,
    latency={"draw": Latency(p50=0.016, p99=0.05)},
    workers=[WorkerStatus(name="node:1", published=4, queued=1)],
)


class Dock:
    """A status dock, and what stands in for the receiver."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self.asked: Inbox[ToReceiver] = Inbox(lambda: None)
        self.clock = FakeClock()
        presence = Presence(title="t", viewer_run="v", clock=self.clock)
        inbox: Inbox[ToWindow] = Inbox(lambda: None)
        window = Window(viewer, Store(), inbox, self.asked, presence, answer)
        self.listener = Listener(window, presence, contextlib.nullcontext, may_stop=True)
        self.inbox = inbox
        listeners.append(self.listener)
        self.status = Status(viewer, clock=self.clock)

    def requests(self) -> int:
        """Return how often it asked since the last time."""
        count = 0
        while (entry := self.asked.take()) is not None:
            count += isinstance(entry, StatusRequest)
        return count


@pytest.fixture
def dock(make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot) -> Iterator[Dock]:
    viewer = make_napari_viewer()
    dock = Dock(viewer)
    qtbot.addWidget(dock.status)
    yield dock
    listeners.remove(dock.listener)
    dock.listener.close()


def test_a_napari_that_does_not_listen_says_so_and_offers_it(dock: Dock) -> None:
    assert dock.status.where.text() == SILENT
    assert dock.status.button.text() == "Listen"


def test_it_says_where_it_listens_as_soon_as_it_does(dock: Dock) -> None:
    dock.listener.begin(ViewerSettings(data_port=5557))

    assert dock.status.where.text() == "Listening on port 5557"
    assert dock.status.button.text() == "Stop"


def test_its_button_stops_the_listening(dock: Dock) -> None:
    dock.listener.begin(ViewerSettings())

    dock.status.button.click()

    assert dock.listener.settings is None
    assert dock.status.where.text() == SILENT


def test_it_asks_again_and_again_while_it_can_be_seen(dock: Dock, qtbot: QtBot) -> None:
    dock.listener.begin(ViewerSettings())
    dock.status.show()
    dock.requests()

    qtbot.waitUntil(lambda: dock.requests() > 0, timeout=20 * PERIOD_MILLISECONDS)


def test_it_asks_nothing_when_it_is_hidden(dock: Dock) -> None:
    dock.listener.begin(ViewerSettings())
    dock.status.show()

    dock.status.hide()

    assert not dock.status._timer.isActive()


def test_the_answer_reaches_it_through_the_window(dock: Dock, qtbot: QtBot) -> None:
    dock.listener.begin(ViewerSettings())
    dock.inbox.put(SEEN)

    qtbot.waitUntil(lambda: "2 shown" in dock.status.summary.text())

    assert dock.status.summary.text() == "2 shown · 1 waiting · 1 worker"
    assert dock.status.memory.text() == "memory 0 B"


def test_without_images_it_says_so(dock: Dock) -> None:
    dock.status.show_status(Pong(**{**_fields(SEEN), "counters": Counters()}))

    assert dock.status.summary.text() == WAITING


def test_details_are_hidden_until_they_are_asked_for(dock: Dock) -> None:
    dock.status.show_status(SEEN)
    assert dock.status.images.rowCount() == 0

    dock.status.details.setChecked(True)
    dock.status.show_status(SEEN)

    assert dock.status.images.item(0, 1).text() == "3"
    assert dock.status.hops.item(0, 2).text() == "50.00"
    assert dock.status.workers.item(0, 0).text() == "node:1"


def test_tables_are_updated_in_place(dock: Dock) -> None:
    dock.status.details.setChecked(True)
    dock.status.show_status(SEEN)
    cell = dock.status.images.item(0, 1)

    dock.status.show_status(Pong(**{**_fields(SEEN), "counters": Counters(received=5)}))

    assert dock.status.images.item(0, 1) is cell
    assert cell.text() == "5"


def test_a_header_says_what_is_below_it(dock: Dock) -> None:
    dock.status.details.setChecked(True)
    dock.status.show_status(SEEN)

    table = dock.status.workers
    headers = [table.horizontalHeaderItem(column).text() for column in range(table.columnCount())]
    assert table.item(0, headers.index("published")).text() == "4"
    assert table.item(0, headers.index("queued")).text() == "1"


def _fields(pong: Pong) -> dict[str, object]:
    return {name: getattr(pong, name) for name in pong.__struct_fields__}
