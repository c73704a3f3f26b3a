"""The list of a plate's images, as a table or a tree, with its filters."""

from collections.abc import Callable
from functools import partial

import msgspec
import numpy as np
from qtpy.QtCore import QModelIndex, QPoint, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from hcs_stream.sending import ImageTable

from ._chips import Chip
from ._filters import Listed, Query, Rows, list_images
from ._image_model import HEADERS, NO_ROWS, ImageTableModel
from ._image_tree import ImageTree
from ._image_tree_model import ImageTreeModel
from ._image_views import ImageTableView, ImageTreeView
from ._latest import Latest
from ._plate_layout import place_of

MOST_CHECKED = 2000
"""More values than these are found by the text."""


class ImageList(QWidget):
    """Lists images; those that are selected are chosen, or all that are listed if none is."""

    listed = Signal(object)
    """Another `Listed`."""
    chosen_changed = Signal()
    asked = Signal()
    """Send what is chosen."""
    drag_asked = Signal()
    menu_asked = Signal(QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table: ImageTable | None = None
        self._query = Query()
        self._rows = NO_ROWS
        self.chips: list[Chip] = []
        self.is_current = True
        """Whether the list is as the filters and wells say."""
        self._when_listed: list[Callable[[], None]] = []
        self._latest = Latest(self)
        self._latest.done.connect(self._show)
        self.text = QLineEdit()
        self.text.setPlaceholderText("Filter: words of a name, A01-B03, channel=DAPI, z=2-4")
        self.text.setClearButtonEnabled(True)
        self.text.setToolTip(
            "An image is listed if it has all words, in its file's name or among its components.\n"
            "Of one component: well=A01-B03, site=1-3, channel=DAPI, z=none, time=5-"
        )
        self.text.textChanged.connect(self._ask)
        self.trouble = QLabel()
        self.trouble.setTextFormat(Qt.TextFormat.PlainText)
        self.trouble.setWordWrap(True)
        self.trouble.hide()
        self.table_model, self.tree_model = ImageTableModel(), ImageTreeModel()
        self.table, self.tree = ImageTableView(), ImageTreeView()
        self.table.setModel(self.table_model)
        self.tree.setModel(self.tree_model)
        self.table_model.sort_asked.connect(self._sort)
        self.views = QStackedWidget()
        for view in (self.table, self.tree):
            self.views.addWidget(view)
            view.asked.connect(self._ask_to_send)
            view.drag_asked.connect(self.drag_asked)
            view.menu_asked.connect(self.menu_asked)
            selection = view.selectionModel()
            if selection is not None:
                selection.selectionChanged.connect(self._select)
        self._flow = QWidget()
        self._flow_box = QFlowLayout(self._flow)
        self._flow_box.setContentsMargins(0, 0, 0, 0)
        self._clear = QToolButton()
        self._clear.setText("List all")
        self._clear.setToolTip("Take all filters away")
        self._clear.clicked.connect(self.clear_filters)
        self._switch = QButtonGroup(self)
        line = QHBoxLayout()
        line.addWidget(self.text, 1)
        line.addWidget(self._clear)
        for number, name in enumerate(("Table", "Tree")):
            button = QToolButton()
            button.setText(name)
            button.setCheckable(True)
            button.setChecked(number == 0)
            self._switch.addButton(button, number)
            line.addWidget(button)
        self._switch.idClicked.connect(self.show_view)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(line)
        box.addWidget(self._flow)
        box.addWidget(self.trouble)
        box.addWidget(self.views, 1)

    def show_table(self, table: ImageTable | None) -> None:
        """List another plate's images, all of them."""
        self._table = table
        self._query = Query()
        self.table_model.show_table(table)
        self.tree_model.show_tree(None)
        self._rows, self._when_listed, self.is_current = NO_ROWS, [], True
        was_blocked = self.text.blockSignals(True)
        self.text.clear()
        self.text.blockSignals(was_blocked)
        self._make_chips(table)
        if table is None:
            self._latest.drop()
            return
        self._ask()

    def set_wells(self, wells: frozenset[str]) -> None:
        """List images of these wells; of all if there are none in here."""
        self._query = msgspec.structs.replace(self._query, wells=wells)
        self._ask()

    @property
    def rows(self) -> Rows:
        """The images that are listed."""
        return self._rows

    @property
    def has_selection(self) -> bool:
        """Whether people selected some of them."""
        selection = self._view().selectionModel()
        return selection is not None and selection.hasSelection()

    @property
    def chosen(self) -> Rows:
        """The images that are chosen, in the order of the plate."""
        selection = self._view().selectionModel()
        if selection is None or not selection.hasSelection():
            return np.sort(self._rows)
        model = self.table_model if self._view() is self.table else self.tree_model
        return model.rows_in(selection.selection())

    def when_listed(self, act: Callable[[], None]) -> None:
        """Do this now, or once the list is as the filters and wells say."""
        if self.is_current:
            act()
        else:
            self._when_listed.append(act)

    def clear_filters(self) -> None:
        """List everything; the wells stay."""
        for chip in self.chips:
            chip.clear()
        self.text.clear()

    def show_view(self, number: int) -> None:
        """Show the table, 0, or the tree, 1."""
        self.views.setCurrentIndex(number)
        if (button := self._switch.button(number)) is not None:
            button.setChecked(True)
        self.chosen_changed.emit()

    def close_threads(self) -> None:
        """List nothing more; waits for what is under way."""
        self._latest.close()

    def _view(self) -> QAbstractItemView:
        return self.table if self.views.currentIndex() == 0 else self.tree

    def _make_chips(self, table: ImageTable | None) -> None:
        for chip in self.chips:
            self._flow_box.removeWidget(chip)
            chip.deleteLater()
        self.chips = []
        for component in HEADERS if table is not None else ():
            values = table.values[component] if table is not None else ()
            if component == "well" and all(place_of(value) for value in values):
                continue  # the plate map does it
            if 1 < len(values) <= MOST_CHECKED:
                chip = Chip(component, values)
                chip.changed.connect(self._ask)
                self.chips.append(chip)
                self._flow_box.addWidget(chip)
        self._flow.setVisible(bool(self.chips))

    def _sort(self, component: str, is_descending: bool) -> None:
        self._query = msgspec.structs.replace(
            self._query, sorted_by=component, is_descending=is_descending and bool(component)
        )
        self._ask()

    def _ask(self) -> None:
        if self._table is None:
            return
        wanted = {chip.component: chip.wanted for chip in self.chips if chip.wanted}
        self._query = msgspec.structs.replace(self._query, text=self.text.text(), wanted=wanted)
        self.is_current = False
        self._latest.ask(partial(list_images, self._table, self._query))

    def _show(self, number: int, result: object) -> None:
        if number != self._latest.newest or self._table is None:
            return
        self.is_current = True
        waiting, self._when_listed = self._when_listed, []
        self.trouble.setVisible(isinstance(result, Exception))
        if isinstance(result, Exception):
            nothing = " Nothing was sent." if waiting else ""
            self.trouble.setText(f"{result}.{nothing}")
            waiting = []
            by_well = np.zeros(len(self._table.values["well"]), np.int64)
            result = Listed(NO_ROWS, by_well)  # else what no longer is asked for could be sent
        if not isinstance(result, Listed):
            return
        self._rows = result.rows
        self.table_model.show_rows(result.rows)
        self.tree_model.show_tree(ImageTree(self._table, np.sort(result.rows)))
        self.listed.emit(result)
        self.chosen_changed.emit()
        for act in waiting:
            act()

    def _select(self) -> None:
        self.chosen_changed.emit()

    def _ask_to_send(self, index: QModelIndex) -> None:
        if index.isValid():
            self.asked.emit()
