"""The next napari window of this process is watched, and obeys the driver; whoever opens it does not know."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import napari.viewer
from lanes.commands import Answer, Commands, keep_standard_output, serve
from lanes.pixels import marked
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QWidget

from .lateness import LateTimer
from .paints import Paints

PATIENCE_SECONDS = 80.0
QUIET_SECONDS = 0.15
"""A window that paints nothing for so long has nothing more to paint."""


class WindowThread(QObject):
    """Does things on the window's thread."""

    asked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.asked.connect(lambda act: act())

    def call(self, act: Callable[[], Any]) -> Any:
        """Do something there, and return what it returns."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(act())
            except BaseException as error:  # the command's thread raises it
                future.set_exception(error)

        self.asked.emit(run)
        return future.result(PATIENCE_SECONDS)


class Watched:
    """One window, and the commands that every window obeys."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self.viewer = viewer
        self.thread = WindowThread()
        canvas = canvas_of(viewer)
        self.paints = Paints(canvas, lambda: drawn_by(viewer))
        self._timer = LateTimer()
        self._ticking_since = 0

    @property
    def commands(self) -> Commands:
        """By their names."""
        return {
            "painted": self.painted,
            "settle": self.settle,
            "processor_time": self.processor_time,
            "start_timer": self.start_timer,
            "stop_timer": self.stop_timer,
            "ticks": self.ticks,
        }

    def painted(self, number: int) -> Answer:
        """Return when an image with this number, or a later one, is painted; says when that was."""
        return {"at": self.paints.wait_for(number, PATIENCE_SECONDS)}

    def settle(self) -> Answer:
        """Return when the window has nothing to do."""
        before = -1
        while len(self.paints.spans) != before:
            before = len(self.paints.spans)
            time.sleep(QUIET_SECONDS)
            self.thread.call(lambda: None)
        return {}

    def processor_time(self) -> Answer:
        """Say what this process has used, of all its threads."""
        return {"nanoseconds": time.process_time_ns()}

    def start_timer(self) -> Answer:
        """Begin to note how late a timer is."""
        self._ticking_since = time.monotonic_ns()
        self.thread.call(self._timer.start)
        return {}

    def ticks(self) -> Answer:
        """Say how often the timer was run, and how often was painted meanwhile."""
        return {"count": len(self._timer.nanoseconds), "paints": len(self._paints_since())}

    def stop_timer(self) -> Answer:
        """Say how late it was, and how long the paints took meanwhile, in nanoseconds."""
        self.thread.call(self._timer.stop)
        return {"late": self._timer.nanoseconds, "paints": self._paints_since()}

    def _paints_since(self) -> list[int]:
        return [ended - began for began, ended in self.paints.spans if began > self._ticking_since]

    def obey(self, commands: Commands, answers: Callable[[Answer], None]) -> None:
        """Serve until the driver is gone, and close the window."""
        serve({**self.commands, **commands}, answers)
        self.thread.call(self.viewer.close)


def watch_next_window(commands: Callable[[Watched], Commands] = lambda _: {}) -> None:
    """Watch the next window; it obeys from its first turn on.

    Args:
        commands: Returns what it obeys beside `Watched.commands`.
    """
    answers = keep_standard_output()  # before anybody says something else there
    make = napari.viewer.Viewer.__init__

    def make_watched(viewer: napari.Viewer, *arguments: object, **keywords: object) -> None:
        make(viewer, *arguments, **keywords)
        watched = Watched(viewer)
        obey = threading.Thread(target=watched.obey, args=(commands(watched), answers), daemon=True)
        QTimer.singleShot(0, lambda: obey.start())  # which keeps it until then

    napari.viewer.Viewer.__init__ = make_watched


def canvas_of(viewer: napari.Viewer) -> QOpenGLWidget:
    window: QWidget = viewer.window._qt_window  # noqa: SLF001  # no public way to it
    canvas = window.findChild(QOpenGLWidget)
    assert canvas is not None
    return canvas


def drawn_by(viewer: napari.Viewer) -> int:
    """Return the number of the image that the topmost visible layer has given to the canvas."""
    for layer in reversed(viewer.layers):
        if layer.visible:
            return marked(layer._data_view)  # noqa: SLF001  # its data may be newer than what is drawn
    return 0
