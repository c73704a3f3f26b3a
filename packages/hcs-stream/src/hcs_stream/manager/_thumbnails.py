"""Small pictures of the chosen images, in a grid; only what is on the screen is made."""

import math

from qtpy.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from qtpy.QtGui import (
    QContextMenuEvent,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
)
from qtpy.QtWidgets import QAbstractScrollArea, QApplication, QToolTip, QWidget

from hcs_protocol import plain_text
from hcs_stream.sending import ImageTable

from ._filters import NOTHING, Rows
from ._image_model import NO_ROWS
from ._plate_map import mixed
from ._thumbnail_store import Broken, Picture, ThumbnailStore

LEAST_SIDE = 104
GAP = 6
SHORT = {"site": "s", "channel": "ch", "z_index": "z", "timepoint": "t"}
BROKEN_SYMBOL = "\N{BALLOT X}"


class Thumbnails(QAbstractScrollArea):
    """Draws pictures of images; one can be double-clicked, dragged, or asked about."""

    activated = Signal(int)
    """The row of an image that was double-clicked, or chosen with Enter."""
    drag_asked = Signal(int)
    menu_asked = Signal(int, object)
    """The row of an image, and where on the screen."""
    _picture_is_there = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table: ImageTable | None = None
        self._rows = NO_ROWS
        self._current: int | None = None
        self._pressed_at: QPoint | None = None
        self._picture_is_there.connect(self._draw_again)
        self.store = ThumbnailStore(self._picture_is_there.emit)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Pictures of the chosen images")

    def show_table(self, table: ImageTable | None) -> None:
        """Show nothing yet of another plate."""
        self._table = table
        self.store.show_table(table)
        self.show_rows(NO_ROWS)

    def show_rows(self, rows: Rows) -> None:
        """Show pictures of these images."""
        self._rows = rows
        self._current = None
        self._fit()
        self._draw_again()

    def close_store(self) -> None:
        """Make no more pictures; waits for what is under way."""
        self.store.close()

    def sizeHint(self) -> QSize:  # noqa: N802  # Qt's
        """Have room for three by two."""
        return QSize(3 * (LEAST_SIDE + GAP) + 30, 2 * self._row_height() + GAP)

    # What is drawn.

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802  # Qt's
        """Draw what is on the screen, and have made what is missing."""
        painter = QPainter(self.viewport())
        if not len(self._rows):
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(
                self._area(), Qt.AlignmentFlag.AlignCenter, "Pictures of the chosen images are shown here"
            )
        visible = self._visible()
        for position in visible:
            self._draw(painter, position)
        painter.end()
        self.store.want([int(row) for row in self._rows[visible.start : visible.stop]])

    def _draw(self, painter: QPainter, position: int) -> None:
        row = int(self._rows[position])
        cell = self._cell(position)
        square = QRect(cell.left(), cell.top(), self._side, self._side)
        palette = self.palette()
        text, base = palette.color(QPalette.ColorRole.Text), palette.color(QPalette.ColorRole.Base)
        painter.fillRect(square, mixed(text, base, 0.08))
        match self.store.get(row):
            case Broken():
                self._draw_broken(painter, square)
            case None:
                pass
            case picture:
                image = _image(picture)
                size = image.size().scaled(square.size(), Qt.AspectRatioMode.KeepAspectRatio)
                place = QRect(QPoint(0, 0), size)
                place.moveCenter(square.center())
                painter.drawImage(place, image)
        if position == self._current:
            painter.setPen(palette.color(QPalette.ColorRole.Highlight))
            painter.drawRect(square.adjusted(-1, -1, 0, 0))
            painter.drawRect(square.adjusted(-2, -2, 1, 1))
        painter.setPen(text)
        line = QRect(cell.left(), square.bottom() + 1, self._side, cell.height() - self._side - GAP)
        words = painter.fontMetrics().elidedText(self._label(row), Qt.TextElideMode.ElideRight, self._side)
        painter.drawText(line, Qt.AlignmentFlag.AlignCenter, words)

    def _draw_broken(self, painter: QPainter, square: QRect) -> None:
        painter.save()
        font = painter.font()
        font.setPixelSize(self._side // 4)
        painter.setFont(font)
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        painter.drawText(square, Qt.AlignmentFlag.AlignCenter, BROKEN_SYMBOL)
        font.setPixelSize(11)
        painter.setFont(font)
        low = square.adjusted(0, 3 * self._side // 5, 0, -4)
        painter.drawText(low, Qt.AlignmentFlag.AlignCenter, "cannot be read")
        painter.restore()

    def _label(self, row: int) -> str:
        if self._table is None:
            return ""
        if self._table.is_of_file(row):
            return self._table.name(row)
        names = [name for name in self._table.levels if name != "plate"]
        values = [(name, self._table.value(name, row)) for name in names]
        is_of_plate = self._table.is_of_plate(row)
        shown = [
            _short(name, value)
            for name, value in values
            if value is not None or (name == "z_index" and is_of_plate)
        ]
        return " · ".join(shown) or self._table.file_text(row)

    def _draw_again(self) -> None:
        viewport = self.viewport()
        if viewport is not None:
            viewport.update()

    # Where everything is.

    def _area(self) -> QRect:
        viewport = self.viewport()
        return viewport.rect() if viewport is not None else QRect()

    def _columns(self) -> int:
        return max(1, (self._area().width() - GAP) // (LEAST_SIDE + GAP))

    @property
    def _side(self) -> int:
        """Of a picture, so that they fill the width."""
        return max(1, (self._area().width() - GAP) // self._columns() - GAP)

    def _row_height(self) -> int:
        return self._side + self.fontMetrics().height() + 2 + GAP

    def _offset(self) -> int:
        bar = self.verticalScrollBar()
        return bar.value() if bar is not None else 0

    def _visible(self) -> range:
        height, columns = self._row_height(), self._columns()
        first = self._offset() // height * columns
        last = math.ceil((self._offset() + self._area().height()) / height) * columns
        return range(min(first, len(self._rows)), min(last, len(self._rows)))

    def _cell(self, position: int) -> QRect:
        line, column = divmod(position, self._columns())
        left, top = GAP + column * (self._side + GAP), GAP + line * self._row_height() - self._offset()
        return QRect(left, top, self._side, self._row_height())

    def position_at(self, point: QPoint) -> int | None:
        """Return which of the shown images is at a point."""
        line = (point.y() + self._offset() - GAP) // self._row_height()
        column = (point.x() - GAP) // (self._side + GAP)
        position = line * self._columns() + column
        is_there = 0 <= column < self._columns() and 0 <= position < len(self._rows)
        return position if is_there and self._cell(position).contains(point) else None

    def _fit(self) -> None:
        bar = self.verticalScrollBar()
        if bar is None:
            return
        lines = math.ceil(len(self._rows) / self._columns())
        bar.setRange(0, max(0, lines * self._row_height() + GAP - self._area().height()))
        bar.setPageStep(self._area().height())
        bar.setSingleStep(self._row_height() // 3)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802  # Qt's
        """Have another number of columns."""
        self._fit()

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802  # Qt's
        """Draw what is there now."""
        self._draw_again()

    # What people do.

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802  # Qt's
        """Look at one image."""
        if event is not None:
            self._pressed_at = event.position().toPoint()
            self._go_to(self.position_at(self._pressed_at))

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802  # Qt's
        """Drag it."""
        if event is None or self._pressed_at is None or self._current is None:
            return
        way = (event.position().toPoint() - self._pressed_at).manhattanLength()
        if way >= QApplication.startDragDistance():
            self._pressed_at = None
            self.drag_asked.emit(int(self._rows[self._current]))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802  # Qt's
        """Drag nothing."""
        self._pressed_at = None

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802  # Qt's
        """Send it."""
        if self._current is not None:
            self.activated.emit(int(self._rows[self._current]))

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:  # noqa: N802  # Qt's
        """Ask what is to be done with it."""
        if event is not None and self._current is not None:
            self.menu_asked.emit(int(self._rows[self._current]), event.globalPos())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802  # Qt's
        """Go to another image, send it."""
        if event is None:
            return
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self._columns(),
            Qt.Key.Key_Down: self._columns(),
        }
        key = Qt.Key(event.key())
        if key in steps and len(self._rows):
            position = 0 if self._current is None else self._current + steps[key]
            self._go_to(min(max(position, 0), len(self._rows) - 1))
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and self._current is not None:
            self.activated.emit(int(self._rows[self._current]))
        else:
            super().keyPressEvent(event)

    def _go_to(self, position: int | None) -> None:
        self._current = position
        bar = self.verticalScrollBar()
        if position is not None and bar is not None:
            cell = self._cell(position)
            if cell.top() < 0:
                bar.setValue(bar.value() + cell.top() - GAP)
            elif cell.bottom() > self._area().height():
                bar.setValue(bar.value() + cell.bottom() - self._area().height())
        self._draw_again()

    def viewportEvent(self, event: QEvent | None) -> bool:  # noqa: N802  # Qt's
        """Tell which image is under the mouse, and what is wrong with it."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self._words(self.position_at(event.pos())), self)
            return True
        return super().viewportEvent(event)

    def _words(self, position: int | None) -> str:
        if position is None or self._table is None:
            return ""
        row = int(self._rows[position])
        made = self.store.get(row)
        reason = f"\n{made}" if isinstance(made, Broken) else ""
        return plain_text(f"{self._label(row)}\n{self._table.path(row)}{reason}")


def _short(name: str, value: object) -> str:
    if value is None:
        return "proj." if name == "z_index" else NOTHING
    is_number = isinstance(value, int) or (isinstance(value, str) and value.isdecimal())
    return f"{SHORT.get(name, '') if is_number else ''}{value}"


def _image(picture: Picture) -> QImage:
    height, width = picture.shape[:2]
    if picture.ndim == 3:
        return QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    return QImage(picture.tobytes(), width, height, width, QImage.Format.Format_Grayscale8).copy()
