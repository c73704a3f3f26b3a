"""One button a component: which of its values are listed."""

from collections.abc import Sequence

from qtpy.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ._filters import shown_value
from ._image_model import HEADERS

Role = Qt.ItemDataRole
Flag = Qt.ItemFlag
WIDEST = 520
MOST_MEASURED = 200
FEW = 8
"""So many values are found without a search."""
KEYS = {Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter}
SAID = 3
"""So many are named on the button."""


class ValueModel(QAbstractListModel):
    """The values of a component, each with a check mark."""

    changed = Signal()

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__()
        self._texts = texts
        self.checked: set[int] = set()

    def check(self, rows: set[int]) -> None:
        """Check these and no others."""
        if rows != self.checked:
            self.checked = set(rows)
            self.dataChanged.emit(self.index(0), self.index(len(self._texts) - 1))
            self.changed.emit()

    def toggle(self, row: int) -> None:
        """Check one, or no longer."""
        self.check(self.checked ^ {row})

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802  # Qt's
        """One for each value."""
        return 0 if parent.isValid() else len(self._texts)

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> object:
        """Return the value, and whether it is checked."""
        if role == Role.DisplayRole:
            return self._texts[index.row()]
        if role == Role.CheckStateRole:
            return Qt.CheckState.Checked if index.row() in self.checked else Qt.CheckState.Unchecked
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Each can be checked."""
        return Flag.ItemIsEnabled | Flag.ItemIsSelectable


class Chip(QToolButton):
    """Says which values of a component are listed; opens a list of them to be checked."""

    changed = Signal()

    def __init__(self, component: str, values: Sequence[object], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.component = component
        self._texts = [shown_value(component, value) for value in values]
        self.model = ValueModel(self._texts)
        self.model.changed.connect(self._say)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.setToolTip(f"Which {HEADERS[component].lower()} is listed; all if none is checked")
        self.clicked.connect(self.open)
        self._popup: QWidget | None = None
        self._say()

    @property
    def wanted(self) -> frozenset[int]:
        """Which of the values are listed; all if there are none in here."""
        return frozenset(self.model.checked)

    def clear(self) -> None:
        """List all."""
        self.model.check(set())

    def open(self) -> None:
        """Show the list."""
        self._popup = popup = _Popup(self.model, len(self._texts), self)
        popup.move(self.mapToGlobal(self.rect().bottomLeft()))
        popup.show()

    def _say(self) -> None:
        checked = sorted(self.model.checked)
        name = HEADERS[self.component]
        if not checked:
            said = f"{name}: all {len(self._texts)}"
        elif len(checked) <= SAID:
            said = f"{name}: {', '.join(self._texts[row] for row in checked)}"
        else:
            said = f"{name}: {len(checked)} of {len(self._texts)}"
        self.setText(f"{said} \N{BLACK DOWN-POINTING SMALL TRIANGLE}")
        font = self.font()
        font.setBold(bool(checked))
        self.setFont(font)
        self.changed.emit()


class _Popup(QFrame):
    """The list of values, with a search if they are many."""

    def __init__(self, model: ValueModel, count: int, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._model = model
        self._found = QSortFilterProxyModel(self)
        self._found.setSourceModel(model)
        self._found.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._list = QListView()
        self._list.setUniformItemSizes(True)
        self._list.setModel(self._found)
        self._list.setMinimumWidth(200)
        self._list.clicked.connect(self._toggle)
        self._list.installEventFilter(self)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 6, 6, 6)
        if count > FEW:
            search = QLineEdit()
            search.setPlaceholderText("Search")
            search.setClearButtonEnabled(True)
            search.textChanged.connect(self._found.setFilterFixedString)
            box.addWidget(search)
        box.addWidget(self._list)
        buttons = QHBoxLayout()
        every = QPushButton("All")
        every.clicked.connect(lambda: model.check(set()))
        buttons.addWidget(every)
        if count > FEW:
            found = QPushButton("Only those found")
            found.clicked.connect(self._check_found)
            buttons.addWidget(found)
        box.addLayout(buttons)
        self._list.setFocus()
        height = min(max(count, 3), 14) * (self.fontMetrics().height() + 8) + 90
        width = self._list.sizeHintForColumn(0) + 60 if count <= MOST_MEASURED else WIDEST
        self.resize(min(max(240, width), WIDEST), height)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802  # Qt's
        """Check with blank or Enter, too."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in KEYS:
            index = self._list.currentIndex()
            if index.isValid():
                self._toggle(index)
            return True
        return super().eventFilter(watched, event)

    def _toggle(self, index: QModelIndex) -> None:
        self._model.toggle(self._found.mapToSource(index).row())

    def _check_found(self) -> None:
        found = range(self._found.rowCount())
        self._model.check({self._found.mapToSource(self._found.index(row, 0)).row() for row in found})
