"""A napari window that is primed and hidden, and waits at a door to be taken."""

import gc
import threading

import napari
from qtpy.QtCore import QEventLoop, QSocketNotifier, QTimer

from ._layout import Layout
from ._priming import Priming
from ._process import end_on_signals
from ._sliders import Sliders
from ._spare import Door, Taken

LOOK_MILLISECONDS = 500
"""Between two looks whether that is over."""


def hidden_viewer() -> napari.Viewer:
    """Make a window that has all that a first image needs, and show it to nobody."""
    gc.disable()  # until it is taken: what is made meanwhile stays
    viewer = napari.Viewer(show=False, show_welcome_screen=False)
    Priming(viewer, Sliders(viewer, Layout(), list)).finish()
    gc.collect()
    gc.freeze()
    return viewer


def wait_at(door: Door) -> Taken | None:
    """Wait until somebody takes this process; None if it is to end instead."""
    asked_to_end = threading.Event()
    end_on_signals(asked_to_end.set)
    loop = QEventLoop()
    taken: list[Taken] = []

    def answer() -> None:
        if found := door.answer():
            taken.append(found)
            loop.quit()

    def look() -> None:
        if asked_to_end.is_set() or door.is_over:
            loop.quit()

    try:
        where = door.open()
        knocked = QSocketNotifier(where, QSocketNotifier.Type.Read)  # type: ignore[call-overload]  # takes an int
        knocked.activated.connect(answer)
        timer = QTimer()
        timer.timeout.connect(look)
        timer.start(LOOK_MILLISECONDS)
        loop.exec()
        timer.stop()
        knocked.setEnabled(False)
    finally:
        door.close()
    return taken[0] if taken else None
