"""The status dock: whether this napari listens, how fast images come, where they wait, what went wrong."""

import time
from collections.abc import Callable

import napari
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hcs_protocol import Pong, plain_text

from . import _plugin
from ._listener import Listener
from ._listeners import listener_of
from ._status_text import Rates, Table, hops_table, images_table, memory, summary, where, workers_table

PERIOD_MILLISECONDS = 1000
ROW_GAP = 4
"""Pixels between two lines of a table."""
SILENT = "Not listening: no pipeline can show its images here."
WAITING = "No images yet."


class WordTable(QTableWidget):
    """A table that is read only, as high as its rows, and updated in place."""

    def __init__(self) -> None:
        super().__init__()
        self.hide()  # until there is something to say
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setShowGrid(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._header = QHeaderView(Qt.Orientation.Horizontal)
        self._header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.setHorizontalHeader(self._header)
        if (numbers := self.verticalHeader()) is not None:  # an empty one is false
            numbers.hide()
            numbers.setDefaultSectionSize(self.fontMetrics().height() + ROW_GAP)

    def show_words(self, table: Table) -> None:
        """Show a table; only what changed is painted anew."""
        header, *rows = table.rows
        if (self.rowCount(), self.columnCount()) != (len(rows), len(header)):
            self.setColumnCount(len(header))
            self.setHorizontalHeaderLabels(header)
            self.setRowCount(len(rows))
        for row, words in enumerate(rows):
            for column, word in enumerate(words):
                self._set(row, column, word)
        self._fit()

    def _set(self, row: int, column: int, word: str) -> None:
        item = self.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
            item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            self.setItem(row, column, item)
        if item.text() != word:
            item.setText(word)
            item.setToolTip(plain_text(word))

    def _fit(self) -> None:
        rows = sum(self.rowHeight(row) for row in range(self.rowCount()))
        height = rows + self._header.height() + 2 * self.frameWidth()
        bar = self.horizontalScrollBar()
        if bar is not None and bar.maximum():
            height += bar.sizeHint().height()
        self.setFixedHeight(height)
        self.setVisible(self.rowCount() > 0)


class Status(QWidget):
    """Says once a second how things stand, as long as somebody can see it."""

    def __init__(self, napari_viewer: napari.Viewer, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Make it for a napari viewer, which need not listen."""
        super().__init__()
        self._viewer = napari_viewer
        self._clock = clock
        self._listener: Listener | None = None
        self._rates = Rates()
        self.where = _line()
        self.summary = _line()
        self.memory = _line()
        self.button = QPushButton()
        self.button.clicked.connect(self._begin_or_stop)
        self.details = QToolButton()
        self.tables = QWidget()
        self.images, self.hops, self.workers = WordTable(), WordTable(), WordTable()
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        self.look()

    def look(self) -> None:
        """Look whether this napari listens, and ask how things stand."""
        listener = listener_of(self._viewer)
        if listener is not None and listener is not self._listener:
            self._listener = listener
            listener.changed.connect(self.look)
            listener.status.connect(self.show_status)
        self._show_where()
        if listener is not None:
            listener.ask_status()

    def show_status(self, pong: Pong) -> None:
        """Show how things stand."""
        rates = self._rates.of(pong, self._clock())
        self.summary.setText(summary(pong, rates) if pong.counters.received else WAITING)
        if self._listener is not None:
            store = self._listener.window.store
            self.memory.setText(memory(store.nbytes, store.budget, store.spilled_nbytes))
        if self.details.isChecked():
            self.images.show_words(images_table(pong.counters, rates))
            self.hops.show_words(hops_table(pong))
            self.workers.show_words(workers_table(pong.workers, rates))

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Begin to look."""
        super().showEvent(event)
        self._timer.start(PERIOD_MILLISECONDS)
        self.look()

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802 - Qt's name
        """Look no more."""
        super().hideEvent(event)
        self._timer.stop()

    def _show_where(self) -> None:
        settings = self._listener.settings if self._listener else None
        if settings is None or self._listener is None:
            self.where.setText(SILENT)
            self.summary.setText("")
            self.memory.setText("")
            self.button.setText("Listen")
            self.button.show()
        else:
            self.where.setText(where(settings))
            self.button.setText("Stop")
            self.button.setVisible(self._listener.may_stop)

        for widget in (self.summary, self.memory, self.details, self.tables):
            widget.setVisible(
                settings is not None and (widget is not self.tables or self.details.isChecked())
            )

    def _begin_or_stop(self) -> None:
        if self._listener is not None and self._listener.settings is not None:
            self._listener.stop()
        else:
            _plugin.begin_in(self._viewer)
        self.look()

    def _show_details(self, shown: bool) -> None:
        self.details.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self.look()

    def _lay_out(self) -> None:
        self.details.setText("Details")
        self.details.setCheckable(True)
        self.details.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.details.setArrowType(Qt.ArrowType.RightArrow)
        self.details.toggled.connect(self._show_details)
        top = QHBoxLayout()
        top.addWidget(self.where, 1)
        top.addWidget(self.button)
        inner = QVBoxLayout(self.tables)
        inner.setContentsMargins(0, 0, 0, 0)
        for table in (self.images, self.hops, self.workers):
            inner.addWidget(table)
        self.tables.hide()
        outer = QVBoxLayout(self)
        outer.addLayout(top)
        for widget in (self.summary, self.memory, self.details, self.tables):
            outer.addWidget(widget)
        outer.addStretch()


def _line() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
