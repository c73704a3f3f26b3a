"""When a canvas was painted, and which image was on it."""

import threading
import time
from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject
from qtpy.QtOpenGLWidgets import QOpenGLWidget


class Paints(QObject):
    """Watches one canvas on the window's thread; any thread may ask."""

    def __init__(self, canvas: QOpenGLWidget, drawn: Callable[[], int]) -> None:
        """Begin to watch.

        Args:
            canvas: Of napari's window.
            drawn: Returns the number of the image that is on it; 0 is none.
        """
        super().__init__(canvas)
        self.spans: list[tuple[int, int]] = []
        """From the beginning of each paint until it is on the screen, in nanoseconds."""
        self._seen: list[tuple[int, int]] = []
        self._drawn = drawn
        self._began = self._number = 0
        self._changed = threading.Condition()
        canvas.installEventFilter(self)
        canvas.frameSwapped.connect(self._note)  # when the window with the canvas in it is on the screen

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802  # Qt's name
        """See that a paint begins."""
        if event is not None and event.type() == QEvent.Type.Paint:
            self._began, self._number = time.monotonic_ns(), self._drawn()
        return False

    def wait_for(self, number: int, timeout: float) -> int:
        """Return when an image with this number, or a later one, was on the screen first.

        Raises:
            TimeoutError: There was none.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._seen and self._seen[-1][0] >= number, timeout):
                raise TimeoutError(f"image {number} is not painted, of {len(self.spans)} paints")
            return next(ended for seen, ended in self._seen if seen >= number)

    def _note(self) -> None:
        if not self._began:
            return  # something beside the canvas was painted
        ended = time.monotonic_ns()
        with self._changed:
            self.spans.append((self._began, ended))
            if self._number != (self._seen[-1][0] if self._seen else 0):
                self._seen.append((self._number, ended))
                self._changed.notify_all()
        self._began = 0
