"""A window with viewers that were seen somehow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPointF, Qt, Signal
from qtpy.QtGui import QColor, QDragEnterEvent, QDragMoveEvent, QDropEvent, QImage, QPalette
from qtpy.QtWidgets import QApplication, QWidget

from hcs_protocol import Connection
from hcs_stream.manager._condition import Condition, Health, Process
from hcs_stream.manager._errands import Errands
from hcs_stream.manager._image_model import images_mime
from hcs_stream.manager._instance_table import COLUMNS
from hcs_stream.manager._instances import Instance, Instances
from hcs_stream.manager._main_window import MainWindow

WELL = Condition(Health.WELL, "ready")
STARTING = Condition(Health.WAITING, "starting")
FROZEN = Condition(Health.ILL, "frozen", "its process is stopped; 'kill -CONT 9557' lets it go on")
GONE = Condition(Health.ILL, "gone", "its process 9558 is gone, without a goodbye; its log may say why")

DARK = {
    QPalette.ColorRole.Window: "#2b2b2b",
    QPalette.ColorRole.Base: "#1e1e1e",
    QPalette.ColorRole.AlternateBase: "#262626",
    QPalette.ColorRole.Text: "#e6e6e6",
    QPalette.ColorRole.WindowText: "#e6e6e6",
    QPalette.ColorRole.Button: "#353535",
    QPalette.ColorRole.ButtonText: "#e6e6e6",
    QPalette.ColorRole.PlaceholderText: "#9a9a9a",
    QPalette.ColorRole.Highlight: "#2f65ca",
    QPalette.ColorRole.HighlightedText: "#ffffff",
}
LIGHT = {
    QPalette.ColorRole.Window: "#efefef",
    QPalette.ColorRole.Base: "#ffffff",
    QPalette.ColorRole.AlternateBase: "#f7f7f7",
    QPalette.ColorRole.Text: "#000000",
    QPalette.ColorRole.WindowText: "#000000",
    QPalette.ColorRole.Button: "#efefef",
    QPalette.ColorRole.ButtonText: "#000000",
    QPalette.ColorRole.PlaceholderText: "#6a6a6a",
    QPalette.ColorRole.Highlight: "#308cc6",
    QPalette.ColorRole.HighlightedText: "#ffffff",
}
WORDS = (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText)


def palette(colours: dict[QPalette.ColorRole, str]) -> QPalette:
    """Return a palette of these colours."""
    made = QPalette()
    for role, colour in colours.items():
        made.setColor(role, QColor(colour))
    for role in WORDS:
        made.setColor(QPalette.ColorGroup.Disabled, role, QColor("#808080"))
    return made


class SeenWindow:
    """A window that is told what to list."""

    def __init__(
        self, qtbot: QtBot, connection: Callable[..., Connection], dialogs: Any, **keywords: Any
    ) -> None:
        self.qtbot = qtbot
        self._connection = connection
        self.errands = Errands()
        self.instances = Instances(lambda: 100.0)
        self.window = MainWindow(self.instances, errands=self.errands, dialogs=dialogs, **keywords)
        qtbot.addWidget(self.window)
        self.window.show()
        qtbot.waitExposed(self.window)

    def instance(self, data_port: int = 5555, condition: Condition = WELL, **changes: Any) -> Instance:
        """Make a line of the list."""
        over = condition.word in {"gone", "not started"}
        known = changes.pop("connection", self._connection(data_port))
        fields = {
            "key": known.viewer_run,
            "title": known.title,
            "host": known.host,
            "data_port": data_port,
            "condition": condition,
            "shown": 120,
            "shown_per_second": None if condition.health is Health.ILL else 0.0,
            "rss_nbytes": None if over else 530 << 20,
            "process": Process.GONE if over else Process.RUNS,
            "connection": known,
            "path": Path(f"/run/user/1000/viewer-{data_port}.json"),
        }
        return Instance(**fields | changes)

    def see(self, *instances: Instance) -> None:
        """Let the watcher tell of these."""
        self.window.show_instances([*instances])

    @property
    def cells(self) -> list[list[str]]:
        """The words of all cells, line by line."""
        model = self.window.viewer_list.model
        return [
            [str(model.index(row, column).data()) for column in range(len(COLUMNS))]
            for row in range(model.rowCount())
        ]

    def choose(self, *rows: int) -> None:
        """Click at lines."""
        table = self.window.viewer_list.table
        table.clearSelection()
        add = {True: Qt.KeyboardModifier.NoModifier, False: Qt.KeyboardModifier.ControlModifier}
        for row in rows:
            where = table.visualRect(self.window.viewer_list.model.index(row, 2)).center()
            self.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, add[row == rows[0]], where)

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key while the list has the keyboard."""
        self.window.activateWindow()
        self.window.viewer_list.table.setFocus()
        self.qtbot.waitUntil(self.window.viewer_list.table.hasFocus)
        self.qtbot.keyClick(self.window.viewer_list.table, key, modifier)

    def drop(self, row: int) -> None:
        """Drag images from elsewhere onto a line."""
        table = self.window.viewer_list.table
        viewport, mime = table.viewport(), images_mime()
        where = table.visualRect(self.window.viewer_list.model.index(row, 2)).center()
        way = Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(viewport, QDragEnterEvent(where, *way))
        move = QDragMoveEvent(where, *way)
        QApplication.sendEvent(viewport, move)
        if move.isAccepted():
            QApplication.sendEvent(viewport, QDropEvent(QPointF(where), *way))

    def ground(self, row: int, column: int) -> QColor:
        """Return the colour of a cell's ground, as it is on the screen."""
        table = self.window.viewer_list.table
        rect = table.visualRect(self.window.viewer_list.model.index(row, column))
        return _picture(table.viewport()).pixelColor(rect.right() - 2, rect.top() + 3)

    def badge(self, row: int) -> QColor:
        """Return the colour of a badge's ground, as it is on the screen."""
        table = self.window.viewer_list.table
        rect = table.visualRect(self.window.viewer_list.model.index(row, 0))
        return _picture(table.viewport()).pixelColor(rect.left() + 12, rect.center().y())

    @property
    def said(self) -> str:
        """What the status bar says."""
        status = self.window.statusBar()
        return status.currentMessage() if status else ""


def _picture(widget: QWidget | None) -> QImage:
    assert widget is not None
    return widget.grab().toImage()


class FakeBrowser(QWidget):
    """Stands in for the image browser."""

    said = Signal(str)
    recent_changed = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self.is_free = True
        self.recent: list[str] = []
        self.targets: list[Any] = []
        self.target: Any = None
        self.sent_to: list[Any] = []

    def set_targets(self, targets: list[Any]) -> None:
        """Take note."""
        self.targets = targets

    def set_target(self, target: Any) -> None:
        """Take note."""
        self.target = target

    def set_recent(self, folders: list[str]) -> None:
        """Take note."""
        self.recent = folders

    def may_close(self) -> bool:
        """Answer."""
        return self.is_free

    def send_to(self, target: Any) -> None:
        """Take note."""
        self.sent_to.append(target)
