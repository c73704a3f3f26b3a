"""Somebody opens a plate in the manager's browser, chooses wells by mouse and sends them to a viewer."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tifffile

import hcs_stream
from hcs_protocol import State

pytest.importorskip("PyQt6", reason="the window needs Qt")
pytest.importorskip("pytestqt", reason="the window is tested by pytest-qt")

from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from hcs_stream.manager import MainWindow, open_window

PATIENCE_MILLISECONDS = 60_000
LEFT = Qt.MouseButton.LeftButton
mouse: Any = QTest  # its stubs take functions for methods
PLATES = os.environ.get("HCS_TEST_PLATES", "")
pytestmark = pytest.mark.timeout(180)


class Person:
    """Somebody who sits at the manager."""

    def __init__(self, window: MainWindow, qtbot: QtBot) -> None:
        assert window.browser is not None
        self.window = window
        self.browser = window.browser
        self.qtbot = qtbot

    def wait(self, is_so: Callable[[], bool]) -> None:
        """Look on until it is so."""
        self.qtbot.waitUntil(is_so, timeout=PATIENCE_MILLISECONDS)

    def choose(self, viewer: hcs_stream.Viewer) -> None:
        """Choose a viewer in the list, once it is there and well."""
        run, viewers = viewer.connection.viewer_run, self.window.viewer_list
        listed = viewers.model
        self.wait(lambda: any(each.key == run and each.target for each in listed.instances))
        rows = [each.key for each in listed.instances]
        viewers.table.selectRow(rows.index(run))
        self.wait(lambda: (target := self.browser.send_bar.target) is not None and target.viewer_run == run)

    def open(self, folder: Path) -> None:
        """Open a plate."""
        self.browser.set_folder(folder)
        self.wait(lambda: len(self.browser.list.rows) > 0)

    def drag_over(self, first: str, last: str) -> None:
        """Choose the wells between two with the mouse."""
        plate = self.browser.plate_map
        start, end = (plate.rectangle_of(well).center().toPoint() for well in (first, last))
        mouse.mousePress(plate, LEFT, pos=start)
        mouse.mouseMove(plate, end)
        mouse.mouseRelease(plate, LEFT, pos=end)

    def wait_for_count(self, count: int) -> None:
        """Look on until so many images are chosen."""
        self.wait(lambda: len(self.browser.list.chosen) == count)

    def send(self) -> None:
        """Press the button."""
        mouse.mouseClick(self.browser.send_bar.button, LEFT, pos=self.browser.send_bar.button.rect().center())

    @property
    def said(self) -> list[str]:
        """What the queue says."""
        return [entry.words for entry in self.browser.outbox.entries]

    @property
    def sent(self) -> int:
        """How many images were sent."""
        return sum(entry.sent for entry in self.browser.outbox.entries)


@pytest.fixture
def person(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Somebody at the window of `hcs-stream manager`."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with open_window() as window:
        window.resize(1200, 1000)
        qtbot.waitExposed(window)
        somebody = Person(window, qtbot)
        yield somebody
        somebody.browser.outbox.cancel_all()


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """96 wells of four sites of images that take a moment to be sent."""
    folder = tmp_path / "plate"
    folder.mkdir()
    pixels = np.arange(256 * 256, dtype="uint16").reshape(256, 256)
    for row in "ABCDEFGH":
        for column in range(1, 13):
            for site in range(1, 5):
                tifffile.imwrite(folder / f"{row}{column:02d}_s{site}_w1_z1_t1.tif", pixels)
    return folder


@pytest.fixture
def new_viewer(data_port: int) -> Iterator[Callable[[], hcs_stream.Viewer]]:
    """Start a viewer on this test's port; at the end, none is left there."""
    yield lambda: hcs_stream.start_viewer(data_port, title="Assay 7", persistent=False, timeout=100)
    while left := hcs_stream.find_viewer(data_port):
        left.stop()


def images_in(state: State) -> int:
    """Return how many images a viewer shows."""
    return sum(layer.images for layer in state.layers)


@pytest.mark.skipif(not PLATES, reason="HCS_TEST_PLATES is not set")
def test_wells_chosen_with_the_mouse_are_shown_by_their_channels_names(
    person: Person,
    viewer: hcs_stream.Viewer,
    wait_until: Callable[[hcs_stream.Viewer, Callable[[State], bool]], State],
) -> None:
    person.open(Path(PLATES) / "cellvoyager-cv8000")
    person.choose(viewer)
    wells = person.browser.plate_map
    person.drag_over("E03", "D08")
    person.wait_for_count(64)

    person.send()

    person.wait(lambda: person.sent == 64)
    state = wait_until(viewer, lambda state: images_in(state) == 64)
    assert wells.chosen == {"D08", "E03"}
    assert {layer.name for layer in state.layers} == {"Channel_BP445/45", "Channel_BP525/50"}
    assert state.axes["well"] == ["D08", "E03"]


def test_what_is_cancelled_in_the_middle_ends_there_and_what_was_sent_stays(
    person: Person,
    plate: Path,
    viewer: hcs_stream.Viewer,
    wait_until: Callable[[hcs_stream.Viewer, Callable[[State], bool]], State],
) -> None:
    person.open(plate)
    person.choose(viewer)
    person.send()
    person.wait(lambda: person.sent > 3)

    (entry,) = person.browser.outbox.entries
    person.wait(lambda: person.browser.queue.line(entry.ticket).cancel.isVisible())
    mouse.mouseClick(person.browser.queue.line(entry.ticket).cancel, LEFT)

    person.wait(lambda: person.said[0].startswith("cancelled"))
    assert 3 < person.sent < 384
    wait_until(viewer, lambda state: images_in(state) == person.sent)


def test_a_viewer_that_is_killed_in_the_middle_keeps_its_images_waiting_for_the_next_one(
    person: Person,
    plate: Path,
    new_viewer: Callable[[], hcs_stream.Viewer],
    wait_until: Callable[[hcs_stream.Viewer, Callable[[State], bool]], State],
) -> None:
    first = new_viewer()
    person.open(plate)
    person.choose(first)
    person.send()
    person.wait(lambda: person.sent > 3)

    psutil.Process(first.connection.pid).kill()
    person.wait(lambda: "kept for the next viewer" in person.said[0] or person.sent == 384)
    had = person.sent
    waiting = person.browser.outbox.waiting
    second = new_viewer()

    person.wait(lambda: person.browser.outbox.entries[0].is_over)
    assert (person.sent, waiting + had) == (384, 384)
    wait_until(second, lambda state: images_in(state) == 384)
