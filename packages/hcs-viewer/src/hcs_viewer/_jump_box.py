"""A list of the values of one axis, in which one types where to go."""

from contextlib import suppress

from qtpy.QtCore import QAbstractListModel, QModelIndex, QObject, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QApplication, QComboBox, QCompleter, QLineEdit, QListView, QToolTip, QWidget

from hcs_protocol import InvalidComponentError, normalise_well, plain_text

from ._axes import Axes, Value
from ._words import WORDS, find_value, value_words

SHOWN_VALUES = 20
"""Lines of an opened list."""


class AxisValues(QAbstractListModel):
    """The values of one axis as a list for Qt, which asks for the lines that it shows."""

    def __init__(self, axes: Axes, component: str, parent: QObject) -> None:
        super().__init__(parent)
        self._axes = axes
        self._component = component
        self._values: list[Value] = []

    def follow_axis(self) -> bool:
        """Take the present values, and say whether there are others."""
        values = self._axes[self._component].values
        if values == self._values:
            return False
        self.beginResetModel()
        self._values = values.copy()
        self.endResetModel()
        return True

    @property
    def values(self) -> list[Value]:
        """What is listed."""
        return self._values

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802  # Qt's name
        """Return the number of values."""
        return 0 if parent is not None and parent.isValid() else len(self._values)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> str | None:
        """Return a value's words."""
        if role in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole}:
            return value_words(self._component, self._values[index.row()])
        return None


class WellCompleter(QCompleter):
    """Proposes ``B03`` to who types ``b3``."""

    def splitPath(self, path: str | None) -> list[str]:  # noqa: N802  # Qt's name
        """Return what to look for."""
        try:
            return [normalise_well(path or "")]
        except InvalidComponentError:
            return [path or ""]


class JumpBox(QComboBox):
    """A list of an axis' values in which one can type."""

    chosen = Signal(object)
    """A value."""

    def __init__(self, axes: Axes, component: str) -> None:
        super().__init__()
        self._component = component
        self._axis_values = AxisValues(axes, component, self)
        self._focus_before: QWidget | None = None
        view = QListView(self)
        view.setUniformItemSizes(True)
        self.setView(view)
        self.setModel(self._axis_values)
        self._edit = QLineEdit()
        self.setLineEdit(self._edit)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setMaxVisibleItems(SHOWN_VALUES)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setCompleter(self._completer())
        self._edit.setPlaceholderText(f"go to {WORDS[component]} …")
        self._edit.returnPressed.connect(self._on_return)
        self.activated.connect(lambda row: self._choose(self._axis_values.values[row]))

    def stand_at(self, value: Value) -> None:
        """Show the values that there are now, with the one where the slider stands."""
        typed = self._edit.text()  # nothing but what somebody types stays in there
        grown = self._axis_values.follow_axis()
        values, row = self._axis_values.values, self.currentIndex()
        if grown or not (0 <= row < len(values) and values[row] == value):
            self.setCurrentIndex(values.index(value) if value in values else -1)
            self.setEditText(typed)

    def take_focus(self) -> None:
        """Let the user type; whoever had the keyboard gets it back afterwards."""
        self._focus_before = QApplication.focusWidget()
        self._edit.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802  # Qt's name
        """Give up typing with Escape."""
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self._give_focus_back()
        else:
            super().keyPressEvent(event)

    def _completer(self) -> QCompleter:
        completer = (WellCompleter if self._component == "well" else QCompleter)(self._axis_values, self)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        return completer

    def _on_return(self) -> None:
        text = self._edit.text()
        try:
            value = find_value(self._component, text, self._axis_values.values)
        except LookupError as error:
            self._edit.selectAll()  # it stays to be mended
            QToolTip.showText(self.mapToGlobal(self.rect().bottomLeft()), plain_text(str(error)), self)
        else:
            self._choose(value)

    def _choose(self, value: Value) -> None:
        self.chosen.emit(value)
        self._give_focus_back()

    def _give_focus_back(self) -> None:
        self.setEditText("")
        before, self._focus_before = self._focus_before, None
        if before is not None:
            with suppress(RuntimeError):  # it is gone, with its layer
                before.setFocus()
