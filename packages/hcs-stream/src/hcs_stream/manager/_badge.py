"""The cell that says how a viewer is: a badge with a symbol and a word."""

from qtpy.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QIcon, QPainter
from qtpy.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from ._condition import Condition, Health
from ._styles import draw_symbol, inks

Index = QModelIndex | QPersistentModelIndex

CONDITION_ROLE = Qt.ItemDataRole.UserRole + 1
"""Of a cell that is shown as a badge."""
PADDING = 8
"""Pixels beside the words, and between the badge and its cell."""
SYMBOL = 16


class BadgeDelegate(QStyledItemDelegate):
    """Paints a `Condition` as a badge."""

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint the cell's ground as the style does, and the badge on it."""
        condition = index.data(CONDITION_ROLE)
        if painter is None or not isinstance(condition, Condition):
            super().paint(painter, option, index)
            return
        shown = QStyleOptionViewItem(option)
        self.initStyleOption(shown, index)
        shown.text, shown.features = "", shown.features & ~QStyleOptionViewItem.ViewItemFeature.HasDecoration
        shown.icon = QIcon()  # of which the style would draw nothing, and complain
        widget: QWidget | None = option.widget
        style = widget.style() if widget else QApplication.style()
        if style is not None:
            style.drawControl(QStyle.ControlElement.CE_ItemViewItem, shown, painter, widget)
        _paint_badge(painter, shown, condition)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802  # Qt's
        """Return the size of the badge with some room around it."""
        condition = index.data(CONDITION_ROLE)
        word = condition.word if isinstance(condition, Condition) else ""
        metrics = QFontMetrics(_bold(option.font))
        return QSize(metrics.horizontalAdvance(word) + SYMBOL + 5 * PADDING, metrics.height() + 2 * PADDING)


def _paint_badge(painter: QPainter, option: QStyleOptionViewItem, condition: Condition) -> None:
    colours = inks(condition.health, option.palette)
    font = _bold(option.font)
    metrics = QFontMetrics(font)
    cell = QRectF(option.rect)
    width = min(
        cell.width() - 2 * PADDING, metrics.horizontalAdvance(condition.word) + SYMBOL + 3.0 * PADDING
    )
    height = min(cell.height() - 4.0, metrics.height() + PADDING)
    badge = QRectF(cell.left() + PADDING, cell.center().y() - height / 2, width, height)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colours.ground))
    painter.drawRoundedRect(badge, height / 2, height / 2)
    painter.translate(badge.left() + PADDING, badge.center().y() - SYMBOL / 2)
    is_filled = condition.health is Health.ILL
    shape, mark = (colours.on_ground, colours.ground) if is_filled else (colours.ink, colours.ground)
    draw_symbol(painter, condition.health, QColor(shape), QColor(mark))
    painter.restore()
    painter.save()
    painter.setFont(font)
    painter.setPen(QColor(colours.on_ground))
    words = badge.adjusted(SYMBOL + 1.75 * PADDING, 0, -PADDING, 0)
    text = metrics.elidedText(condition.word, Qt.TextElideMode.ElideRight, int(words.width()) + 2)
    painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
    painter.restore()


def _bold(font: QFont) -> QFont:
    bold = QFont(font)
    bold.setWeight(QFont.Weight.DemiBold)
    return bold
