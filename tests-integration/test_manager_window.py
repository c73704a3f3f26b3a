"""The manager's window on real viewers: one that is frozen is red, is killed, and its port is free again."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import hcs_stream

pytest.importorskip("PyQt6", reason="the window needs Qt")
pytest.importorskip("pytestqt", reason="the window is tested by pytest-qt")

from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QMessageBox

from hcs_stream.manager import MainWindow, open_window

PATIENCE_MILLISECONDS = 40_000
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be stopped here")


class Manager:
    """Somebody who sits at the window."""

    def __init__(self, window: MainWindow, qtbot: QtBot) -> None:
        self.window = window
        self.qtbot = qtbot

    @property
    def words(self) -> dict[int, str]:
        """The word for each viewer that is listed, by port."""
        return {each.data_port: each.condition.word for each in self.window.viewer_list.model.instances}

    def wait_for(self, data_port: int, word: str | None) -> None:
        """Wait until this is the word for a viewer; None if it is not to be listed."""

        def is_so() -> bool:
            listed = self.window.viewer_list.model.instances
            assert self.words.get(data_port) == word, [each.condition for each in listed]
            return True

        self.qtbot.waitUntil(is_so, timeout=PATIENCE_MILLISECONDS)

    def choose(self, data_port: int) -> None:
        """Choose a viewer."""
        listed = self.window.viewer_list.model.instances
        self.window.viewer_list.choose(next(each.key for each in listed if each.data_port == data_port))

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key while the list has the keyboard."""
        self.window.activateWindow()
        self.window.viewer_list.table.setFocus()
        self.qtbot.waitUntil(self.window.viewer_list.table.hasFocus)
        key_click: Callable[..., None] = self.qtbot.keyClick  # typed nowhere
        key_click(self.window.viewer_list.table, key, modifier)

    def agree(self) -> None:
        """Press the button of a question that does not cancel."""
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        button = next(each for each in box.buttons() if each.text() == "Force kill")
        button.click()


@pytest.fixture
def manager(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """The window of `hcs-stream manager`."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with open_window() as window:
        qtbot.waitExposed(window)
        yield Manager(window, qtbot)


@pytest.fixture
def new_viewer(data_port: int) -> Iterator[Callable[[], hcs_stream.Viewer]]:
    """Start a viewer on this test's port; at the end, none is left there."""
    yield lambda: hcs_stream.start_viewer(data_port, title="Assay 7", persistent=False)
    while left := hcs_stream.find_viewer(data_port):
        left.stop()


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_frozen_viewer_is_red_is_killed_and_a_new_one_takes_its_port(
    manager: Manager, viewer: hcs_stream.Viewer, new_viewer: Callable[[], hcs_stream.Viewer]
) -> None:
    ill = new_viewer()
    port, other = ill.connection.data_port, viewer.connection.data_port
    manager.wait_for(port, "ready")
    manager.wait_for(other, "ready")

    os.kill(ill.connection.pid, signal.SIGSTOP)
    manager.wait_for(port, "frozen")
    assert manager.words[other] == "ready"

    manager.choose(port)
    manager.qtbot.waitUntil(manager.window.viewer_actions.kill.isEnabled)
    QTimer.singleShot(500, manager.agree)
    manager.press(Qt.Key.Key_Delete, Qt.KeyboardModifier.ShiftModifier)
    manager.wait_for(port, "gone")
    assert not ill.is_alive

    manager.press(Qt.Key.Key_Delete)
    manager.wait_for(port, None)
    again = new_viewer()

    manager.wait_for(port, "ready")
    assert again.connection.data_port == port


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_viewer_that_is_quit_says_goodbye_and_leaves_the_list(
    manager: Manager, new_viewer: Callable[[], hcs_stream.Viewer]
) -> None:
    viewer = new_viewer()
    port = viewer.connection.data_port
    with hcs_stream.connect(data_port=port) as stream:
        stream.send(np.zeros((16, 16), "uint8"))
        stream.flush()
    manager.wait_for(port, "ready")
    manager.choose(port)

    manager.press(Qt.Key.Key_Delete)
    manager.wait_for(port, "closing")
    manager.wait_for(port, None)

    assert not viewer.is_alive
