"""The list of viewers as a widget: a table, or what to do if there is nothing to list."""

from collections.abc import Sequence

from qtpy.QtCore import QItemSelectionModel, QPoint, Qt, Signal
from qtpy.QtGui import QAction, QPaintEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QLabel,
    QMenu,
    QPushButton,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ._badge import BadgeDelegate
from ._instance_table import PROBLEM, STATUS, InstanceTable
from ._instances import Instance
from ._styles import RoomyStyle

EMPTY = "No viewer runs."
TEACHING = (
    "Start one here with Ctrl+N, or with hcs-viewer in a terminal.\n"
    "A pipeline that streams starts one by itself, and it appears here."
)
ROW_GAP = 14
WIDTHS = (148, 60, 190, 104, 72, 72, 64, 76)
"""Of the columns but the last, in pixels."""


class InstanceView(QTableView):
    """The table."""

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802  # Qt's
        """Draw without waiting for other threads before each cell: they get their turn afterwards."""
        super().paintEvent(event)


class InstanceList(QStackedWidget):
    """Lists viewers and tells which are chosen."""

    chosen = Signal()
    """Other lines are chosen, or what is known of a chosen one changed."""
    dropped = Signal(object)
    """Images were dropped on this `Target`."""

    def __init__(
        self, actions: Sequence[QAction | None], launch: QAction, parent: QWidget | None = None
    ) -> None:
        """List nothing yet.

        Args:
            actions: Of the context menu; None is a line between two.
            launch: What the empty list offers.
            parent: The window.
        """
        super().__init__(parent)
        self._actions = actions
        self.model = InstanceTable(self.palette, self)
        self.model.dropped.connect(self.dropped)
        self.table = self._table()
        self.empty = _empty(launch)
        self.addWidget(self.empty)
        self.addWidget(self.table)

    def show_instances(self, instances: Sequence[Instance]) -> None:
        """List these; if nothing was chosen, the first one is."""
        before = self.selected()
        self.model.show_instances(instances)
        self.setCurrentWidget(self.table if instances else self.empty)
        if instances and not self.table.currentIndex().isValid():
            self.choose(instances[0].key)
        elif self.selected() != before:
            self.chosen.emit()

    def choose(self, key: str) -> None:
        """Choose this one alone, if it is listed."""
        selection, row = self.table.selectionModel(), self.model.row_of(key)
        if selection is not None and row is not None:
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            selection.setCurrentIndex(self.model.index(row, 0), flags)  # selectRow() asks which keys are down

    def selected(self) -> list[Instance]:
        """Return what is chosen, from top to bottom."""
        selection = self.table.selectionModel()
        rows = sorted(index.row() for index in selection.selectedRows()) if selection else []
        return [self.model.instances[row] for row in rows if row < len(self.model.instances)]

    def current(self) -> Instance | None:
        """Return the one that has the keyboard, if it is chosen; else the first that is chosen."""
        selected = self.selected()
        row = self.table.currentIndex().row()
        here = self.model.instances[row] if 0 <= row < len(self.model.instances) else None
        return here if here in selected else next(iter(selected), None)

    def widths(self) -> list[int]:
        """Return the widths of the columns."""
        return [self.table.columnWidth(column) for column in range(PROBLEM)]

    def set_widths(self, widths: Sequence[int]) -> None:
        """Give the columns these widths, if they are as many."""
        if len(widths) == PROBLEM:
            for column, width in enumerate(widths):
                self.table.setColumnWidth(column, max(24, min(width, 2000)))

    def _table(self) -> QTableView:
        table = InstanceView()
        self._style = RoomyStyle()  # a table does not own it
        table.setStyle(self._style)
        table.setModel(self.model)
        table.setItemDelegateForColumn(STATUS, BadgeDelegate(table))
        table.setAccessibleName("Viewers")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setTabKeyNavigation(False)  # Tab leaves the table
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTextElideMode(Qt.TextElideMode.ElideRight)
        table.setFrameShape(QFrame.Shape.NoFrame)
        table.setDragDropMode(QAbstractItemView.DragDropMode.DropOnly)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._show_menu)
        if (numbers := table.verticalHeader()) is not None:
            numbers.hide()
            numbers.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            numbers.setDefaultSectionSize(table.fontMetrics().height() + ROW_GAP)
        if (header := table.horizontalHeader()) is not None:
            header.setStyle(self._style)
            header.setHighlightSections(False)
            header.setStretchLastSection(True)
            header.setMinimumSectionSize(40)
        for column, width in enumerate(WIDTHS):
            table.setColumnWidth(column, width)
        if (selection := table.selectionModel()) is not None:
            selection.selectionChanged.connect(lambda *_: self.chosen.emit())
        return table

    def _show_menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for action in self._actions:
            menu.addSeparator() if action is None else menu.addAction(action)
        viewport = self.table.viewport()
        if viewport is not None:
            menu.popup(viewport.mapToGlobal(where))


def _empty(launch: QAction) -> QWidget:
    headline, teaching = QLabel(EMPTY), QLabel(TEACHING)
    font = headline.font()
    font.setPointSizeF(font.pointSizeF() * 1.5)
    headline.setFont(font)
    button = QPushButton("&Launch a viewer")
    button.clicked.connect(launch.trigger)
    empty = QWidget()
    layout = QVBoxLayout(empty)
    layout.setSpacing(ROW_GAP)
    layout.addStretch()
    for widget in (headline, teaching, button):
        if isinstance(widget, QLabel):
            widget.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(widget, alignment=Qt.AlignmentFlag.AlignCenter)
    layout.addStretch()
    return empty
