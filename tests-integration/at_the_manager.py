"""Somebody who sits at the window of ``hcs-stream manager``; needs Qt and pytest-qt."""

from collections.abc import Callable

from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QMessageBox

from hcs_stream.manager import MainWindow

PATIENCE_MILLISECONDS = 40_000
NO_MODIFIER = Qt.KeyboardModifier.NoModifier


class Manager:
    """What is seen in the window, and which keys are pressed."""

    def __init__(self, window: MainWindow, qtbot: QtBot) -> None:
        self._window = window
        self._qtbot = qtbot

    @property
    def words(self) -> dict[int, str]:
        """The word for each viewer that is listed, by port."""
        return {each.data_port: each.condition.word for each in self._window.viewer_list.model.instances}

    @property
    def ill(self) -> list[int]:
        """The ports of the viewers that are red."""
        listed = self._window.viewer_list.model.instances
        return [each.data_port for each in listed if each.condition.health.value == "ill"]

    def wait_for(self, data_port: int, word: str | None) -> None:
        """Wait until this is the word for a viewer; None if it is not to be listed."""

        def is_so() -> bool:
            listed = self._window.viewer_list.model.instances
            assert self.words.get(data_port) == word, [each.condition for each in listed]
            return True

        self._qtbot.waitUntil(is_so, timeout=PATIENCE_MILLISECONDS)

    def choose(self, data_port: int) -> None:
        """Choose a viewer."""
        listed = self._window.viewer_list.model.instances
        self._window.viewer_list.choose(next(each.key for each in listed if each.data_port == data_port))

    def quit_or_dismiss(self) -> None:
        """Press Delete."""
        self._press(Qt.Key.Key_Delete)

    def force_kill(self) -> None:
        """Press Shift+Delete, and agree when asked."""
        self._qtbot.waitUntil(self._window.viewer_actions.kill.isEnabled)
        QTimer.singleShot(500, _agree)
        self._press(Qt.Key.Key_Delete, Qt.KeyboardModifier.ShiftModifier)

    def _press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = NO_MODIFIER) -> None:
        self._window.activateWindow()
        self._window.viewer_list.table.setFocus()
        self._qtbot.waitUntil(self._window.viewer_list.table.hasFocus)
        key_click: Callable[..., None] = self._qtbot.keyClick  # typed nowhere
        key_click(self._window.viewer_list.table, key, modifier)


def _agree() -> None:
    """Press the button of a question that does not cancel."""
    box = QApplication.activeModalWidget()
    assert isinstance(box, QMessageBox)
    next(each for each in box.buttons() if each.text() == "Force kill").click()
