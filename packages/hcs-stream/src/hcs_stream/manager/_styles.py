"""Colours and symbols for how a viewer is, on a light and on a dark ground."""

from functools import lru_cache

import msgspec
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPalette, QPen, QPixmap, QPolygonF
from qtpy.QtWidgets import QProxyStyle, QStyle, QStyleOption, QWidget

from ._condition import Health

DARK_BELOW = 128
"""Of a ground's lightness, 0 to 255."""
ROOM = 7
"""Pixels beside the words of a cell."""
SYMBOL_SIZES = (16, 24, 32, 48)


class Inks(msgspec.Struct, frozen=True):
    """The colours of one health."""

    ink: str
    """Of words and lines on the window's ground; its contrast is 4.5 and more."""
    ground: str
    """Of a badge that is filled."""
    on_ground: str
    """Of words on the badge."""
    row: str | None = None
    """Of the whole line; None leaves it as it is."""


LIGHT = {
    Health.WELL: Inks("#116329", "#dafbe1", "#116329"),
    Health.WAITING: Inks("#7d4e00", "#fff1c2", "#6b4300"),
    Health.ILL: Inks("#a40e26", "#c21f33", "#ffffff", "#ffeceb"),
}
DARK = {
    Health.WELL: Inks("#56d364", "#12361f", "#7ee787"),
    Health.WAITING: Inks("#e3b341", "#3f2f06", "#f2cc60"),
    Health.ILL: Inks("#ff8e86", "#c9303e", "#ffffff", "#40191c"),
}


class RoomyStyle(QProxyStyle):
    """Leaves room between the words of neighbouring cells, and is otherwise the application's style."""

    def pixelMetric(  # noqa: N802  # Qt's
        self,
        metric: QStyle.PixelMetric,
        option: QStyleOption | None = None,
        widget: QWidget | None = None,
    ) -> int:
        """Return the style's measure, or the room beside a word."""
        if metric in {QStyle.PixelMetric.PM_FocusFrameHMargin, QStyle.PixelMetric.PM_HeaderMargin}:
            return ROOM
        return super().pixelMetric(metric, option, widget)


def is_dark(palette: QPalette) -> bool:
    """Say whether words are light and the ground is dark."""
    return palette.color(QPalette.ColorRole.Base).lightness() < DARK_BELOW


def inks(health: Health, palette: QPalette) -> Inks:
    """Return the colours of a health that are legible with this palette."""
    return (DARK if is_dark(palette) else LIGHT)[health]


def symbol(health: Health, ink: str, mark: str) -> QIcon:
    """Return a health's symbol: a disc with a tick, a diamond with dots, or an octagon with a cross.

    Args:
        health: Whose shape it has.
        ink: Of the shape.
        mark: The colour of what is in it.
    """
    icon = QIcon()
    for size in SYMBOL_SIZES:
        icon.addPixmap(_pixmap(health, ink, mark, size))
    return icon


@lru_cache(maxsize=64)
def _pixmap(health: Health, ink: str, mark: str, size: int) -> QPixmap:
    pixmap = QPixmap(QSize(size, size))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / 16, size / 16)
    draw_symbol(painter, health, QColor(ink), QColor(mark))
    painter.end()
    return pixmap


def draw_symbol(painter: QPainter, health: Health, ink: QColor, mark: QColor) -> None:
    """Draw a health's symbol into the square from (0, 0) to (16, 16)."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ink)
    pen = QPen(mark, 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    match health:
        case Health.WELL:
            painter.drawEllipse(QRectF(1, 1, 14, 14))
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolyline(_points((4.6, 8.3), (7.1, 10.8), (11.4, 5.6)))
        case Health.WAITING:
            painter.drawPolygon(_points((8, 0.4), (15.6, 8), (8, 15.6), (0.4, 8)))
            painter.setBrush(mark)
            for x in (4.7, 8.0, 11.3):
                painter.drawEllipse(QPointF(x, 8), 1.2, 1.2)
        case Health.ILL:
            corner, far = 4.9, 16 - 4.9
            sides = [(corner, 0.8), (far, 0.8), (15.2, corner), (15.2, far)]
            painter.drawPolygon(_points(*sides, (far, 15.2), (corner, 15.2), (0.8, far), (0.8, corner)))
            painter.setPen(pen)
            painter.drawLine(QPointF(5.4, 5.4), QPointF(10.6, 10.6))
            painter.drawLine(QPointF(10.6, 5.4), QPointF(5.4, 10.6))


def _points(*corners: tuple[float, float]) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in corners])
