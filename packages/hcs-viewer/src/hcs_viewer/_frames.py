"""The window's frames: one is drawn, painted and rested from before the next begins."""

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer, Signal

from ._pace import Pace


class Bell(QObject):
    """Wakes the window's thread from another one."""

    rung = Signal()


class Frames:
    """Draws a frame when one is wanted: at once if the window is idle, else after the one that is on."""

    def __init__(self, pace: Pace, draw: Callable[[], None]) -> None:
        self.pace = pace
        self._draw = draw
        self._is_over = False
        self._bell = Bell()
        self._bell.rung.connect(self.want)  # on this thread, whichever rings

    def ring(self) -> None:
        """Want a frame, in whatever thread."""
        self._bell.rung.emit()

    def want(self) -> None:
        """Draw a frame now, or after the one that is on."""
        if self.pace.is_drawing:
            self.pace.is_wanted = True
        elif not self._is_over:
            self.pace.begin()
            try:
                self._draw()
            finally:
                after_paint(self._rest)

    def end(self) -> None:
        """Draw no more: the window is about to go."""
        self._is_over = True

    def _rest(self) -> None:
        QTimer.singleShot(round(1000 * self.pace.rest_seconds()), self._go_on)

    def _go_on(self) -> None:
        self.pace.end()
        if self.pace.is_wanted:
            self.want()


def after_paint(act: Callable[[], None]) -> None:
    """Do something once what is changed now has been painted: Qt paints between two turns of its loop."""
    QTimer.singleShot(0, lambda: QTimer.singleShot(0, act))
