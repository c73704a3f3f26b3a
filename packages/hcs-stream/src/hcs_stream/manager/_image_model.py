"""Images as rows of a table, and as branches of a tree; both make text only for what is on the screen."""

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QItemSelection, QMimeData, QModelIndex, Qt, Signal

from hcs_protocol import plain_text
from hcs_stream.sending import ImageTable

from ._filters import NOTHING, Rows, shown_value

MIME = "application/x-hcs-images"
HEADERS = {
    "plate": "Plate",
    "step": "Step",
    "well": "Well",
    "site": "Site",
    "channel": "Channel",
    "z_index": "Z",
    "timepoint": "Time",
}
NO_ROWS: Rows = np.zeros(0, np.int32)
Role = Qt.ItemDataRole
Flag = Qt.ItemFlag


class ImageTableModel(QAbstractTableModel):
    """The listed images, one a row."""

    sort_asked = Signal(str, bool)
    """By which component, empty for the plate's order, and whether descending."""

    def __init__(self) -> None:
        super().__init__()
        self._table: ImageTable | None = None
        self._rows = NO_ROWS
        self._components: Sequence[str] = ("well", "site", "channel")
        self._texts: list[list[str]] = []

    def show_table(self, table: ImageTable | None) -> None:
        """Show another plate's images: none as yet."""
        self.beginResetModel()
        self._table, self._rows = table, NO_ROWS
        if table is not None:
            several = [name for name in HEADERS if len(table.values[name]) > 1]
            self._components = several if "well" in several else ["well", *several]
            self._texts = [[shown_value(n, v) for v in table.values[n]] for n in self._components]
        self.endResetModel()

    def show_rows(self, rows: Rows) -> None:
        """List these images."""
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def rows_in(self, selection: QItemSelection) -> Rows:
        """Return the images that are selected, in the table's order."""
        chosen = np.zeros(len(self._rows), bool)
        for place in range(len(selection)):
            chosen[selection[place].top() : selection[place].bottom() + 1] = True
        return np.sort(self._rows[chosen])

    def row(self, index: QModelIndex) -> int | None:
        """Return which image is in a row."""
        return int(self._rows[index.row()]) if index.isValid() else None

    # What Qt asks.

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802  # Qt's
        """As many as are listed."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802  # Qt's
        """The components, and the file."""
        return 0 if parent.isValid() else len(self._components) + 1

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> object:
        """Return the text of a cell, or where the file lies."""
        if self._table is None or role not in {Role.DisplayRole, Role.ToolTipRole}:
            return None
        row, column = int(self._rows[index.row()]), index.column()
        if role == Role.ToolTipRole:
            return plain_text(str(self._table.path(row)))
        if column == len(self._components):
            return self._table.file_text(row)
        component = self._components[column]
        if self._table.value(component, row) is None and not self._table.is_of_plate(row):
            return NOTHING  # and no projection
        return self._texts[column][self._table.codes[component][row]]

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> object:  # noqa: N802  # Qt's
        """Return what a column is called."""
        if orientation != Qt.Orientation.Horizontal or role != Role.DisplayRole:
            return None
        return HEADERS[self._components[section]] if section < len(self._components) else "File"

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Every image can be chosen and dragged."""
        return Flag.ItemIsEnabled | Flag.ItemIsSelectable | Flag.ItemIsDragEnabled | Flag.ItemNeverHasChildren

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Ask for another order; it comes with the next rows."""
        component = self._components[column] if 0 <= column < len(self._components) else ""
        self.sort_asked.emit(component, order == Qt.SortOrder.DescendingOrder)

    def mimeTypes(self) -> list[str]:  # noqa: N802  # Qt's
        """Dragged images stay in this process."""
        return [MIME]

    def mimeData(self, indexes: object) -> QMimeData:  # noqa: N802  # Qt's
        """Return what names the images that are dragged, without a list of them."""
        return images_mime()


def images_mime() -> QMimeData:
    """Return what says that images are dragged; which, the browser knows."""
    mime = QMimeData()
    mime.setData(MIME, b"images")
    return mime
