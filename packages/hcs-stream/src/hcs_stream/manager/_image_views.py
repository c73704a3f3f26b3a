"""The table and the tree as people use them: choose, double-click, drag, ask."""

from qtpy.QtCore import (
    QAbstractItemModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QSize,
    Qt,
    Signal,
)
from qtpy.QtGui import QContextMenuEvent, QKeyEvent, QPaintEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QTreeView,
    QWidget,
)

ENTER = {Qt.Key.Key_Return, Qt.Key.Key_Enter}


class ImageTableView(QTableView):
    """Lists images in rows."""

    asked = Signal(QModelIndex)
    """Double-clicked, or Enter."""
    drag_asked = Signal()
    menu_asked = Signal(QPoint)
    """Where on the screen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare(self)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(False)  # Tab leaves the table, and chooses nothing
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.doubleClicked.connect(self.asked)
        if (rows := self.verticalHeader()) is not None:
            rows.hide()
            rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            rows.setDefaultSectionSize(self.fontMetrics().height() + 6)
        if (columns := self.horizontalHeader()) is not None:
            columns.setStretchLastSection(True)
            columns.setHighlightSections(False)
            columns.setDefaultSectionSize(80)
            columns.setSortIndicatorClearable(True)
            columns.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
            columns.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.setSortingEnabled(True)

    def setModel(self, model: QAbstractItemModel | None) -> None:  # noqa: N802  # Qt's
        """Show these images."""
        super().setModel(model)
        look_at_no_selection(self.horizontalHeader())

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802  # Qt's
        """Draw without waiting for other threads before each cell: they get their turn afterwards."""
        super().paintEvent(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802  # Qt's
        """Send with Enter."""
        if event is not None and event.key() in ENTER:
            self.asked.emit(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:  # noqa: N802  # Qt's
        """Ask what is to be done."""
        if event is not None:
            self.menu_asked.emit(event.globalPos())

    def startDrag(self, actions: Qt.DropAction) -> None:  # noqa: N802  # Qt's
        """Drag what is chosen."""
        self.drag_asked.emit()


class ImageTreeView(QTreeView):
    """Lists images by well, site and so on."""

    asked = Signal(QModelIndex)
    """Double-clicked where nothing is below, or Enter."""
    drag_asked = Signal()
    menu_asked = Signal(QPoint)
    """Where on the screen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare(self)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setItemDelegate(_Airy(self))
        self.doubleClicked.connect(self._ask_if_image)
        if (header := self.header()) is not None:
            header.setDefaultSectionSize(200)

    def setModel(self, model: QAbstractItemModel | None) -> None:  # noqa: N802  # Qt's
        """Show these images."""
        super().setModel(model)
        look_at_no_selection(self.header())

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802  # Qt's
        """Draw without waiting for other threads before each cell: they get their turn afterwards."""
        super().paintEvent(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802  # Qt's
        """Send with Enter."""
        if event is not None and event.key() in ENTER:
            self.asked.emit(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:  # noqa: N802  # Qt's
        """Ask what is to be done."""
        if event is not None:
            self.menu_asked.emit(event.globalPos())

    def startDrag(self, actions: Qt.DropAction) -> None:  # noqa: N802  # Qt's
        """Drag what is chosen."""
        self.drag_asked.emit()

    def selectAll(self) -> None:  # noqa: N802  # Qt's
        """Choose the groups on top, and so all that is below them."""
        model, selection = self.model(), self.selectionModel()
        if model is not None and selection is not None and model.rowCount():
            ends = model.index(0, 0), model.index(model.rowCount() - 1, model.columnCount() - 1)
            selection.select(QItemSelection(*ends), QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def _ask_if_image(self, index: QModelIndex) -> None:
        model = self.model()
        if model is not None and not model.hasChildren(index.siblingAtColumn(0)):
            self.asked.emit(index)


class _Airy(QStyledItemDelegate):
    """Gives rows the height that they have in the table."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802  # Qt's
        """Add a little."""
        size = super().sizeHint(option, index)
        return QSize(size.width(), option.fontMetrics.height() + 6)


def look_at_no_selection(header: QHeaderView | None) -> None:
    """Keep a header from asking, each time it is drawn, whether all rows of a column are selected."""
    if header is not None:
        header.setSelectionModel(QItemSelectionModel(header.model(), header))


def prepare(view: QAbstractItemView) -> None:
    """Let people choose several and drag them."""
    view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    view.setDragEnabled(True)
    view.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
