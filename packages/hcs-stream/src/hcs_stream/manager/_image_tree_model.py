"""What Qt asks about the tree of images; a branch is looked up when it is opened."""

import numpy as np
from qtpy.QtCore import QAbstractItemModel, QItemSelection, QMimeData, QModelIndex, Qt

from hcs_protocol import plain_text

from ._filters import Rows
from ._image_model import NO_ROWS, images_mime
from ._image_tree import Group, ImageTree

Role = Qt.ItemDataRole
Flag = Qt.ItemFlag
ROOT = 0


class _Branch:
    """A group whose children are known."""

    def __init__(self, parent: int, row: int, children: list[Group]) -> None:
        self.parent = parent
        self.row = row
        """Its own, among its parent's children."""
        self.children = children
        self.branches: dict[int, int] = {}
        """Numbers of those of its children whose children are known, by row."""


class ImageTreeModel(QAbstractItemModel):
    """The listed images as a tree."""

    def __init__(self) -> None:
        super().__init__()
        self._tree: ImageTree | None = None
        self._branches: list[_Branch] = [_Branch(-1, 0, [])]

    def show_tree(self, tree: ImageTree | None) -> None:
        """Show other images."""
        self.beginResetModel()
        self._tree = tree
        self._branches = [_Branch(-1, 0, tree.children(tree.root) if tree else [])]
        self.endResetModel()

    def rows_in(self, selection: QItemSelection) -> Rows:
        """Return the images that are selected, and those of selected groups, in the table's order."""
        if self._tree is None:
            return NO_ROWS
        chosen = np.zeros(len(self._tree.rows), bool)
        for place in range(len(selection)):
            part = selection[place]
            children = self._branches[self._number(part.parent())].children
            chosen[children[part.top()].start : children[part.bottom()].stop] = True
        return self._tree.rows[chosen]

    def rows_of(self, index: QModelIndex) -> Rows:
        """Return the images of a branch."""
        if self._tree is None or not index.isValid():
            return NO_ROWS
        group = self._group(index)
        return self._tree.rows[group.start : group.stop]

    # What Qt asks.

    def index(self, row: int, column: int, parent: QModelIndex = QModelIndex()) -> QModelIndex:  # noqa: B008
        """Name a branch by its parent's number."""
        number = self._number(parent)
        if not 0 <= row < len(self._branches[number].children):
            return QModelIndex()
        return self.createIndex(row, column, number)

    def parent(self, index: QModelIndex) -> QModelIndex:  # type: ignore[override]  # Qt's other is QObject's
        """Return the branch that a branch is on."""
        number = int(index.internalId()) if index.isValid() else ROOT
        if number == ROOT:
            return QModelIndex()
        branch = self._branches[number]
        return self.createIndex(branch.row, 0, branch.parent)

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802  # Qt's
        """Look up what is below a branch."""
        if parent.column() > 0 or (parent.isValid() and not self.hasChildren(parent)):
            return 0
        return len(self._branches[self._number(parent)].children)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802  # Qt's
        """A name, and the file or how many images there are."""
        return 2

    def hasChildren(self, parent: QModelIndex = QModelIndex()) -> bool:  # noqa: B008, N802  # Qt's
        """Say so without looking them up."""
        if self._tree is None:
            return False
        return not parent.isValid() or not self._tree.is_image(self._group(parent))

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> object:
        """Return the text of a cell, or where the file of an image lies."""
        if self._tree is None:
            return None
        if role == Role.DisplayRole:
            group = self._group(index)
            return self._tree.detail(group) if index.column() else self._tree.text(group)
        if role == Role.ToolTipRole and self._tree.is_image(group := self._group(index)):
            return plain_text(str(self._tree.table.path(int(self._tree.rows[group.start]))))
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> object:  # noqa: N802  # Qt's
        """Return what a column is called."""
        is_name = orientation == Qt.Orientation.Horizontal and role == Role.DisplayRole
        return ("Image", "File")[section] if is_name else None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Every branch can be chosen and dragged."""
        return Flag.ItemIsEnabled | Flag.ItemIsSelectable | Flag.ItemIsDragEnabled

    def mimeData(self, indexes: object) -> QMimeData:  # noqa: N802  # Qt's
        """Return what names the images that are dragged, without a list of them."""
        return images_mime()

    def _group(self, index: QModelIndex) -> Group:
        return self._branches[int(index.internalId())].children[index.row()]

    def _number(self, index: QModelIndex) -> int:
        """Return the number of a branch, whose children are looked up if they are not known."""
        if not index.isValid():
            return ROOT
        parent = self._branches[int(index.internalId())]
        number = parent.branches.get(index.row())
        if number is None and self._tree is not None:
            children = self._tree.children(parent.children[index.row()])
            number = len(self._branches)
            self._branches.append(_Branch(int(index.internalId()), index.row(), children))
            parent.branches[index.row()] = number
        return number or ROOT
