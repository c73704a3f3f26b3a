"""The plate as it lies on the table: which wells have images, and which are chosen."""

import math
from collections.abc import Mapping
from enum import Enum

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import (
    QColor,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
)
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from hcs_protocol import plain_text

from ._plate_layout import Layout, Place, name_of, place_of, row_letters, size_of

Keys = Qt.KeyboardModifier
ARROWS = {
    Qt.Key.Key_Left: Place(0, -1),
    Qt.Key.Key_Right: Place(0, 1),
    Qt.Key.Key_Up: Place(-1, 0),
    Qt.Key.Key_Down: Place(1, 0),
}


class Look(Enum):
    """What a well looks like."""

    EMPTY = "empty"
    FILLED = "filled"
    CHOSEN = "chosen"


class PlateMap(QWidget):
    """Draws a plate of 6 to 1536 wells, and lets people choose some of them.

    A click chooses a well, a drag a rectangle, a letter or number its row or column; Ctrl adds, or takes away
    what is chosen already; Shift goes on from the last one. Arrows, blank and Ctrl+A do the same.
    """

    chosen_changed = Signal(object)
    """The names of the chosen wells, a frozenset."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wells: dict[Place, str] = {}
        self._counts: dict[Place, int] = {}
        self._chosen: frozenset[Place] = frozenset()
        self._before: frozenset[Place] = frozenset()
        self._pressed: Place | None = None
        self._anchor = Place(0, 0)
        self._focused = Place(0, 0)
        self._size = size_of([])
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(180, 120)
        self.setAccessibleName("Plate map")
        self.setToolTip("Choose wells: click, drag, or click a letter or number; Ctrl adds")

    @property
    def chosen(self) -> frozenset[str]:
        """The names of the chosen wells."""
        return frozenset(self._wells[place] for place in self._chosen)

    def set_wells(self, counts: Mapping[str, int]) -> None:
        """Show a plate that has images in these wells; nothing is chosen."""
        places = {place: well for well in counts if (place := place_of(well))}
        self._wells = places
        self._counts = {place: counts[well] for place, well in places.items()}
        self._size = size_of(places)
        self._focused = self._anchor = min(places, default=Place(0, 0))
        self._chosen = frozenset()
        self.update()

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Say how many images of each well are left, if filters take some away."""
        self._counts = {place: counts.get(well, 0) for place, well in self._wells.items()}
        self.update()

    def count(self, well: str) -> int:
        """Return how many images of a well are left."""
        place = place_of(well)
        return self._counts.get(place, 0) if place else 0

    def choose(self, wells: frozenset[str]) -> None:
        """Choose these wells alone."""
        self._choose(frozenset(place for place, well in self._wells.items() if well in wells))

    def rectangle_of(self, well: str) -> QRectF:
        """Return where a well is drawn."""
        place = place_of(well)
        return QRectF(*self._layout().well(place)) if place else QRectF()

    def sizeHint(self) -> QSize:  # noqa: N802  # Qt's
        """Be large enough for 384 wells."""
        return QSize(420, 290)

    # What is drawn.

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802  # Qt's
        """Draw wells, letters and numbers."""
        layout = self._layout()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_headers(painter, layout)
        self._draw_wells(painter, layout)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.WindowText), 1.5))
            painter.drawRect(QRectF(*layout.well(self._focused)).adjusted(-1, -1, 1, 1))
        painter.end()

    def _draw_wells(self, painter: QPainter, layout: Layout) -> None:
        """Draw each kind of well once, and stamp it where it belongs."""
        ratio = self.devicePixelRatioF()
        side = layout.pitch * ratio
        middles = {place: layout.middle(place) for place in layout.places()}
        filled = {place for place, count in self._counts.items() if count}
        for look, places in (
            (Look.EMPTY, middles.keys() - filled - self._chosen),
            (Look.FILLED, filled - self._chosen),
            (Look.CHOSEN, self._chosen),
        ):
            stamp = self._stamp(look, math.ceil(side), ratio)
            whole, scale = QRectF(stamp.rect()), 1 / ratio
            create = QPainter.PixmapFragment.create
            fragments = [create(QPointF(*middles[place]), whole, scale, scale) for place in places]
            painter.drawPixmapFragments(fragments, stamp)  # type: ignore[arg-type]  # a list is taken

    def _stamp(self, look: Look, side: int, ratio: float) -> QPixmap:
        stamp = QPixmap(side, side)
        stamp.fill(Qt.GlobalColor.transparent)
        painter = QPainter(stamp)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        text, base = palette.color(QPalette.ColorRole.WindowText), palette.color(QPalette.ColorRole.Base)
        fills = {
            Look.EMPTY: base,
            Look.FILLED: mixed(text, base, 0.38),
            Look.CHOSEN: palette.color(QPalette.ColorRole.Highlight),
        }
        edges = {Look.EMPTY: mixed(text, base, 0.3), Look.FILLED: mixed(text, base, 0.5), Look.CHOSEN: text}
        painter.setPen(QPen(edges[look], ratio if look is Look.CHOSEN else 0.7 * ratio))
        painter.setBrush(fills[look])
        gap = side * (0.1 if side > 8 else 0.05)
        inside = QRectF(gap, gap, side - 2 * gap, side - 2 * gap)
        painter.drawEllipse(inside) if side > 6 * ratio else painter.drawRect(inside)
        painter.end()
        return stamp

    def _draw_headers(self, painter: QPainter, layout: Layout) -> None:
        font = painter.font()
        font.setPixelSize(round(max(9.0, min(13.0, layout.pitch * 0.55))))
        painter.setFont(font)
        metrics = painter.fontMetrics()
        row_step, column_step = layout.steps(metrics.height() * 0.9, metrics.horizontalAdvance("48") + 2)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        for row in range(0, layout.rows, row_step):
            place = QRectF(*layout.row_header(row)).adjusted(0, -20, -4, 20)
            painter.drawText(
                place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, row_letters(row)
            )
        for column in range(0, layout.columns, column_step):
            place = QRectF(*layout.column_header(column)).adjusted(-20, 0, 20, -2)
            painter.drawText(
                place, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom, str(column + 1)
            )

    def _layout(self) -> Layout:
        return Layout(*self._size, self.width() - 4, self.height() - 4)

    # What people do.

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802  # Qt's
        """Begin to choose a well, a row, a column, a rectangle."""
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        place = self._at(event.position())
        if place is None:
            if not event.modifiers() & Keys.ControlModifier:
                self._choose(frozenset())
            return
        if event.modifiers() & Keys.ShiftModifier:
            self._before, self._pressed = frozenset(), self._anchor
        else:
            self._before = self._chosen if event.modifiers() & Keys.ControlModifier else frozenset()
            self._pressed = self._anchor = place
        self._reach(place)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802  # Qt's
        """Drag the rectangle."""
        if event is None or self._pressed is None:
            return
        layout = self._layout()
        place = layout.at(event.position().x(), event.position().y())
        self._reach(Place(min(place.row, layout.rows - 1), min(place.column, layout.columns - 1)))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802  # Qt's
        """The rectangle is done."""
        self._pressed = None

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802  # Qt's
        """Go to another well, choose it."""
        if event is None:
            return
        key, with_control = Qt.Key(event.key()), bool(event.modifiers() & Keys.ControlModifier)
        if key in ARROWS:
            self._go(ARROWS[key], extend=bool(event.modifiers() & Keys.ShiftModifier))
        elif key == Qt.Key.Key_Space:
            self._choose(self._chosen ^ frozenset({self._focused}) & self._wells.keys())
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._choose(frozenset({self._focused}) & self._wells.keys())
        elif key == Qt.Key.Key_A and with_control:
            self._choose(frozenset(self._wells))
        elif key == Qt.Key.Key_Escape:
            self._choose(frozenset())
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent | None) -> None:  # noqa: N802  # Qt's
        """Show which well the keys are about."""
        self.update()

    def focusOutEvent(self, event: QFocusEvent | None) -> None:  # noqa: N802  # Qt's
        """Show it no more."""
        self.update()

    def event(self, event: QEvent | None) -> bool:
        """Tell what is under the mouse."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            place = self._at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self.words(place) if place else "", self)
            return True
        return super().event(event)

    def words(self, place: Place) -> str:
        """Say which well this is and how many images it has."""
        if place.row == -1 and place.column == -1:
            return "All wells"
        if place.row == -1:
            return f"Column {place.column + 1}"
        if place.column == -1:
            return f"Row {row_letters(place.row)}"
        name = plain_text(self._wells.get(place, name_of(place)))
        count = self._counts.get(place, 0)
        if place not in self._wells:
            return f"{name}: no images"
        return f"{name}: 1 image" if count == 1 else f"{name}: {count} images"

    def _at(self, point: QPointF) -> Place | None:
        layout = self._layout()
        place = layout.at(point.x(), point.y())
        within = point.x() >= layout.left - layout.header and point.y() >= layout.top - layout.header
        return place if within and layout.is_on(place) else None

    def _go(self, by: Place, *, extend: bool) -> None:
        rows, columns = self._size
        row = min(max(self._focused.row + by.row, 0), rows - 1)
        column = min(max(self._focused.column + by.column, 0), columns - 1)
        self._focused = Place(row, column)
        if not extend:
            self._anchor = self._focused
            self.update()
            return
        self._choose(self._layout().between(self._anchor, self._focused) & self._wells.keys())

    def _reach(self, place: Place) -> None:
        if self._pressed is None:
            return
        reached = self._layout().between(self._pressed, place) & self._wells.keys()
        is_one = len(reached) == 1 and self._pressed == place
        takes_away = is_one and reached <= self._before
        self._focused = Place(max(place.row, 0), max(place.column, 0))
        self._choose(self._before - reached if takes_away else self._before | reached)

    def _choose(self, places: frozenset[Place]) -> None:
        self.update()
        if places != self._chosen:
            self._chosen = places
            self.chosen_changed.emit(self.chosen)


def mixed(colour: QColor, other: QColor, share: float) -> QColor:
    """Return a colour between two."""
    parts = zip(colour.getRgb()[:3], other.getRgb()[:3], strict=True)
    return QColor(*(round(one * share + two * (1 - share)) for one, two in parts))
