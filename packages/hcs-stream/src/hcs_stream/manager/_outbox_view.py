"""What waits to be sent and what was: a line for each, with how far it is and what can be done."""

from collections.abc import Callable

from qtpy.QtCore import QSize, Qt, QTimer, Signal
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from hcs_protocol import plain_text

from ._entries import Entry, EntryState
from ._outbox import Outbox
from ._words import number

LOOK_MILLISECONDS = 100
MOST_LINES = 2000
"""A text of more would take long to be laid out."""
SYMBOLS = {
    EntryState.WAITING: "\N{HORIZONTAL ELLIPSIS}",
    EntryState.CONNECTING: "\N{HORIZONTAL ELLIPSIS}",
    EntryState.SENDING: "\N{RIGHTWARDS ARROW}",
    EntryState.STALLED: "\N{DOUBLE VERTICAL LINE}",
    EntryState.DONE: "\N{CHECK MARK}",
    EntryState.CANCELLED: "\N{EN DASH}",
    EntryState.FAILED: "!",
}


class OutboxView(QScrollArea):
    """Shows the entries of an outbox, the newest on top."""

    count_changed = Signal(int)
    """How many entries there are."""

    def __init__(self, outbox: Outbox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._outbox = outbox
        self._revision = -1
        self._lines: dict[int, EntryLine] = {}
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        self._box = QVBoxLayout(inside)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(2)
        self._box.addStretch()
        self.setWidget(inside)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MILLISECONDS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def look(self) -> None:
        """Show what has changed."""
        if self._outbox.revision == self._revision:
            return
        self._revision = self._outbox.revision
        entries = {entry.ticket: entry for entry in self._outbox.entries}
        for ticket in [ticket for ticket in self._lines if ticket not in entries]:
            line = self._lines.pop(ticket)
            self._box.removeWidget(line)
            line.deleteLater()
        for ticket, entry in entries.items():
            if ticket not in self._lines:
                self._lines[ticket] = EntryLine(self._outbox, entry)
                self._box.insertWidget(0, self._lines[ticket])
            self._lines[ticket].show_entry(entry)
        self._fit(len(entries))
        self.count_changed.emit(len(entries))

    def _fit(self, count: int) -> None:
        line = max((line.sizeHint().height() for line in self._lines.values()), default=0) + 2
        self.setMinimumHeight(min(count, 3) * line)
        self.setMaximumHeight(min(count, 8) * line + 2)

    def line(self, ticket: int) -> "EntryLine":
        """Return the line of an entry."""
        return self._lines[ticket]

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()

    def sizeHint(self) -> QSize:  # noqa: N802  # Qt's
        """Have room for two or three."""
        return QSize(400, 3 * (self.fontMetrics().height() + 18))

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802  # Qt's
        """Look at once."""
        self._timer.start()
        self.look()

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802  # Qt's
        """Look on: others show how many entries there are."""


class EntryLine(QFrame):
    """One entry."""

    def __init__(self, outbox: Outbox, entry: Entry) -> None:
        super().__init__()
        self._entry = entry
        self._symbol = QLabel()
        self._symbol.setFixedWidth(self.fontMetrics().height() + 4)
        self._symbol.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title = QElidingLabel()
        self._title.setElideMode(Qt.TextElideMode.ElideMiddle)
        self._title.setMinimumWidth(120)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(8)
        self._bar.setFixedWidth(140)
        self._words = QElidingLabel()
        self._words.setMinimumWidth(120)
        self._words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        ticket = entry.ticket
        self.cancel = _button(
            "Cancel", "Send no more of it; what was sent stays", lambda: outbox.cancel(ticket)
        )
        self.errors = _button("Why\N{HORIZONTAL ELLIPSIS}", "Which files could not be read", self._tell)
        self.retry = _button("Try again", "Send what is missing", lambda: outbox.retry(ticket))
        self.again = _button("Send again", "Send all of it once more", lambda: outbox.send_again(ticket))
        self.dismiss = _button("Dismiss", "Take it off this list", lambda: outbox.dismiss(ticket))
        box = QHBoxLayout(self)
        box.setContentsMargins(4, 2, 4, 2)
        box.addWidget(self._symbol)
        box.addWidget(self._bar)
        box.addWidget(self._title, 2)
        box.addWidget(self._words, 3)
        for button in (self.errors, self.retry, self.again, self.cancel, self.dismiss):
            box.addWidget(button)

    def show_entry(self, entry: Entry) -> None:
        """Show how it stands."""
        self._entry = entry
        title = f"{entry.plate} \N{RIGHTWARDS ARROW} {entry.target.title} ({entry.target.data_port})"
        self._symbol.setText(SYMBOLS[entry.state])
        self._title.setText(plain_text(title))
        self._bar.setRange(0, max(1, entry.total))
        self._bar.setValue(entry.sent + len(entry.failures))
        self._words.setText(plain_text(entry.words))
        self.setToolTip(plain_text(f"{title}\n{entry.words}"))
        self.cancel.setVisible(not entry.is_over)
        self.cancel.setEnabled(not entry.is_cancelled)
        self.dismiss.setVisible(entry.is_over)
        self.errors.setVisible(bool(entry.failures))
        self.retry.setVisible(entry.is_over and bool(entry.missing))
        self.again.setVisible(entry.is_over and not entry.missing)

    @property
    def words(self) -> str:
        """What it says."""
        return self._entry.words

    def _tell(self) -> None:
        lines = [f"{failure.path}\n    {failure.reason}" for failure in self._entry.failures]
        dialog = list_dialog(self, "Not sent", f"{len(lines)} files could not be sent:", lines)
        dialog.open()


def list_dialog(parent: QWidget, title: str, above: str, lines: list[str]) -> QDialog:
    """Return a dialog with a list that can be copied."""
    dialog = QDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle(title)
    more = [f"and {number(len(lines) - MOST_LINES)} more"] if len(lines) > MOST_LINES else []
    text = QPlainTextEdit("\n".join([*lines[:MOST_LINES], *more]))
    text.setReadOnly(True)
    text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(dialog.reject)
    box = QVBoxLayout(dialog)
    box.addWidget(QLabel(above))
    box.addWidget(text)
    box.addWidget(buttons)
    dialog.resize(720, 360)
    return dialog


def _button(text: str, tip: str, act: Callable[[], None]) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.clicked.connect(lambda: act())
    return button
