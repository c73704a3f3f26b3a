"""Shows the last lines of a viewer's log, and follows."""

from collections.abc import Callable

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtGui import QCloseEvent, QFontDatabase, QKeySequence, QShortcut
from qtpy.QtWidgets import QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from ._errands import Errands

LINES = 500
LOOK_MILLISECONDS = 500
NOTHING = "Nothing was written, or the log is on another machine."

ReadLog = Callable[[int], str]
"""Returns so many of the last lines."""


class LogView(QWidget):
    """A window with the log of one viewer."""

    _read = Signal(object, object)

    def __init__(self, title: str, read: ReadLog, errands: Errands, parent: QWidget) -> None:
        """Show what ``read`` returns, which is called in a thread; again twice a second."""
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(f"Log of {title}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._log = read
        self._errands = errands
        self._is_reading = False
        self.lines = QPlainTextEdit()
        self.lines.setReadOnly(True)
        self.lines.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.lines.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.lines.setPlaceholderText(NOTHING)
        self.lines.setAccessibleName("Last lines of the log")
        self.note = QLabel(f"The last {LINES} lines; new ones come by themselves while you are at the end.")
        layout = QVBoxLayout(self)
        layout.addWidget(self.lines)
        layout.addWidget(self.note)
        self.resize(900, 480)
        self._read.connect(self._show)
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self).activated.connect(self.close)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MILLISECONDS)
        self._timer.timeout.connect(self._ask)
        self._timer.start()
        self._ask()

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802  # Qt's
        """Look no longer."""
        self._timer.stop()
        super().closeEvent(event)

    def _ask(self) -> None:
        if not self._is_reading:
            self._is_reading = True
            self._errands.run(lambda: self._log(LINES), self._tell)

    def _tell(self, text: object, error: Exception | None) -> None:
        try:
            self._read.emit(text, error)
        except RuntimeError:  # the window was closed meanwhile
            return

    def _show(self, text: object, error: Exception | None) -> None:
        self._is_reading = False
        said = f"The log cannot be read: {error}" if error else str(text)
        if said == self.lines.toPlainText():
            return
        bar = self.lines.verticalScrollBar()
        is_at_end = bar is None or bar.value() >= bar.maximum() - 1
        place = 0 if bar is None else bar.value()
        self.lines.setPlainText(said)
        if bar is not None:
            bar.setValue(bar.maximum() if is_at_end else place)
