"""The list of viewers as Qt's model: lines come and go, and only the cells that changed are painted anew."""

import html
from collections.abc import Callable, Iterable, Sequence

from qtpy.QtCore import (
    QAbstractTableModel,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from qtpy.QtGui import QBrush, QColor, QPalette

from ._badge import CONDITION_ROLE
from ._image_model import MIME
from ._instances import Instance
from ._styles import inks, symbol
from ._target import Target

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole


class InstanceTable(QAbstractTableModel):
    """The viewers, one a line."""

    dropped = Signal(object)
    """Images were dropped on this `Target`."""

    def __init__(self, palette: Callable[[], QPalette], parent: QObject | None = None) -> None:
        """Make an empty list whose colours are legible with the palette."""
        super().__init__(parent)
        self._palette = palette
        self._instances: list[Instance] = []
        self._texts: list[tuple[str, ...]] = []

    @property
    def instances(self) -> Sequence[Instance]:
        """What is listed, from top to bottom."""
        return self._instances

    def show_instances(self, instances: Iterable[Instance]) -> None:
        """List these."""
        wanted = list(instances)
        keys = {instance.key for instance in wanted}
        for row in reversed(range(len(self._instances))):
            if self._instances[row].key not in keys:
                self.beginRemoveRows(QModelIndex(), row, row)
                del self._instances[row], self._texts[row]
                self.endRemoveRows()
        for row, instance in enumerate(wanted):
            if row < len(self._instances) and self._instances[row].key == instance.key:
                self._change(row, instance)
            else:
                self._insert(row, instance)

    def row_of(self, key: str) -> int | None:
        """Return the line of this one, or None if it is not listed."""
        return next((row for row, each in enumerate(self._instances) if each.key == key), None)

    # What Qt asks.

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  # Qt's; it is empty
        """Return how many viewers are listed."""
        return 0 if parent.isValid() else len(self._instances)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  # Qt's; it is empty
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(  # noqa: N802  # Qt's
        self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole
    ) -> object:
        """Return a column's title, or what it means."""
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        title, means, is_number, _ = COLUMNS[section]
        match role:
            case Role.DisplayRole:
                return title
            case Role.ToolTipRole:
                return means
            case Role.TextAlignmentRole:
                return _alignment(is_number=is_number)
        return None

    def data(self, index: Index, role: int = Role.DisplayRole) -> object:
        """Return what a cell shows."""
        if not index.isValid() or not 0 <= index.row() < len(self._instances):
            return None
        instance, column = self._instances[index.row()], index.column()
        match role:
            case Role.DisplayRole:
                return self._texts[index.row()][column]
            case Role.ToolTipRole:
                return _tooltip(instance)
            case Role.TextAlignmentRole:
                return _alignment(is_number=COLUMNS[column][2])
            case Role.AccessibleTextRole:
                return f"{COLUMNS[column][0]}: {self._texts[index.row()][column] or 'none'}"
        return self._look(instance, column, role)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Let lines be chosen, and images be dropped on those that can take them."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
        if self._target(index.row()):
            flags |= Qt.ItemFlag.ItemIsDropEnabled
        return flags

    def mimeTypes(self) -> list[str]:  # noqa: N802  # Qt's
        """Return what can be dropped."""
        return [MIME]

    def supportedDropActions(self) -> Qt.DropAction:  # noqa: N802  # Qt's
        """Return that images are copied."""
        return Qt.DropAction.CopyAction

    def canDropMimeData(  # noqa: N802  # Qt's
        self, data: QMimeData | None, action: Qt.DropAction, row: int, column: int, parent: Index
    ) -> bool:
        """Say whether this can be dropped here: images on a viewer that can take them."""
        return bool(data and data.hasFormat(MIME) and parent.isValid() and self._target(parent.row()))

    def dropMimeData(  # noqa: N802  # Qt's
        self, data: QMimeData | None, action: Qt.DropAction, row: int, column: int, parent: Index
    ) -> bool:
        """Tell on which viewer images were dropped."""
        if not self.canDropMimeData(data, action, row, column, parent):
            return False
        self.dropped.emit(self._target(parent.row()))
        return True

    def _target(self, row: int) -> Target | None:
        return self._instances[row].target if 0 <= row < len(self._instances) else None

    def _look(self, instance: Instance, column: int, role: int) -> object:
        health = instance.condition.health
        colours = inks(health, self._palette())
        if role == Role.BackgroundRole and colours.row:
            return QBrush(QColor(colours.row))
        if role == Role.ForegroundRole and column == PROBLEM:
            return QBrush(QColor(colours.ink))
        if role == Role.DecorationRole and column == STATUS:
            return symbol(health, colours.ink, colours.ground)
        if role == CONDITION_ROLE and column == STATUS:
            return instance.condition
        return None

    def _insert(self, row: int, instance: Instance) -> None:
        self.beginInsertRows(QModelIndex(), row, row)
        self._instances.insert(row, instance)
        self._texts.insert(row, _texts(instance))
        self.endInsertRows()

    def _change(self, row: int, instance: Instance) -> None:
        before, had = self._instances[row], self._texts[row]
        self._instances[row], self._texts[row] = instance, _texts(instance)
        changed = [column for column, text in enumerate(self._texts[row]) if text != had[column]]
        if before.condition.health is not instance.condition.health:
            changed = [0, len(COLUMNS) - 1]  # the whole line has another colour
        if changed:
            self.dataChanged.emit(self.index(row, changed[0]), self.index(row, changed[-1]))


def rate(per_second: float | None) -> str:
    """Say how many images are shown per second."""
    if per_second is None:
        return ""
    return f"{per_second:.0f}/s" if per_second >= 10 or per_second == 0 else f"{per_second:.1f}/s"


def size(nbytes: int | None) -> str:
    """Say how much memory that is."""
    if nbytes is None:
        return ""
    return f"{nbytes / 2**30:.1f} GB" if nbytes >= 2**30 else f"{nbytes / 2**20:.0f} MB"


def count(number: int | None) -> str:
    """Say how many, with thin spaces between thousands."""
    return "" if number is None else f"{number:,}".replace(",", "\N{THIN SPACE}")


COLUMNS: tuple[tuple[str, str, bool, Callable[[Instance], str]], ...] = (
    ("Status", "Whether its window answers", False, lambda each: each.condition.word),
    ("Port", "Its data port", False, lambda each: str(each.data_port)),
    ("Title", "Of its window", False, lambda each: _line(each.title)),
    (
        "Host",
        "The machine on which it runs",
        False,
        lambda each: "this machine" if each.is_local else each.machine or each.host,
    ),
    (
        "Waiting",
        "Images that are on their way into its window",
        True,
        lambda each: count(each.waiting or None),
    ),
    ("Shown", "Images that are in its window", True, lambda each: count(each.shown)),
    ("Rate", "Images that came into its window, per second", True, lambda each: rate(each.shown_per_second)),
    ("Memory", "Of its process on this machine", True, lambda each: size(each.rss_nbytes)),
    ("What is wrong", "And what helps", False, lambda each: _line(each.condition.problem)),
)
"""Of each column the title, what it means, whether it shows numbers, and what it shows."""
STATUS, PORT, TITLE = range(3)
PROBLEM = len(COLUMNS) - 1


def _texts(instance: Instance) -> tuple[str, ...]:
    return tuple(shown(instance) for *_, shown in COLUMNS)


def _line(text: str) -> str:
    return " ".join(text.split())


def _tooltip(instance: Instance) -> str:
    lines = [f"{instance.title} (port {instance.data_port})", instance.condition.word]
    if instance.connection and instance.is_local:
        lines.append(f"pid {instance.connection.pid}")
    if instance.condition.problem:
        lines.append(instance.condition.problem)
    return "<br>".join(html.escape(line) for line in lines)  # a title may look like rich text


def _alignment(*, is_number: bool) -> int:
    side = Qt.AlignmentFlag.AlignRight if is_number else Qt.AlignmentFlag.AlignLeft
    return int((side | Qt.AlignmentFlag.AlignVCenter).value)
