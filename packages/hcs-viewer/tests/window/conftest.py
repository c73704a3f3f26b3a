"""A real napari window with its dock, on a virtual screen, and somebody who sits at it."""

from collections.abc import Callable, Iterator

import napari
import numpy as np
import numpy.typing as npt
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QWidget
from shown import PATIENCE_MILLISECONDS, Array, Shown

from hcs_viewer._inbox import ToWindow
from hcs_viewer._navigation import Navigation, add_navigation


class Screen(Shown):
    """A window with its dock, that somebody sits at."""

    def __init__(self, viewer: napari.Viewer, qtbot: QtBot) -> None:
        super().__init__(viewer, qtbot)
        self.qtbot = qtbot
        self.dock: Navigation = add_navigation(self.window)

    def show(self, pixels: Array, **address: object) -> None:
        """Let an image arrive, and wait until the window rests."""
        self.tell(self.arrived(pixels, **address))

    def tell(self, entry: ToWindow) -> None:
        """Let something arrive, and wait until the window rests."""
        self.inbox.put(entry)
        self.settle()

    def settle(self) -> None:
        """Wait until all that arrived is drawn and painted."""
        pace = self.window.frames.pace
        self.qtbot.waitUntil(lambda: not pace.is_drawing, timeout=PATIENCE_MILLISECONDS)

    def press(self, key: str) -> None:
        """Press a key while the canvas has the keyboard."""
        self.qtbot.keyClick(self.canvas, getattr(Qt.Key, f"Key_{key}"))
        self.settle()

    def type(self, widget: QWidget, text: str) -> None:
        """Type into a field of the dock and press Enter."""
        self.qtbot.keyClicks(widget, text)
        self.qtbot.keyClick(widget, Qt.Key.Key_Return)

    @property
    def canvas(self) -> QWidget:
        """What takes the keys of the viewer."""
        return next(w for w in QApplication.allWidgets() if "Canvas" in type(w).__name__ and w.isVisible())

    @property
    def text(self) -> str:
        """What the canvas says."""
        text = self.viewer.canvas.overlays.text
        return text.text if text.visible else ""

    @property
    def at(self) -> dict[str, object]:
        """Where the sliders stand, as far as that means something."""
        return {c: value for c, value in self.window.sliders.at.items() if value is not None}

    def picture(self, *, canvas_only: bool = True) -> npt.NDArray[np.uint8]:
        """Return what is seen: red, green, blue."""
        self.qtbot.wait(1)  # a turn of the loop, in which Qt lays out
        pixels: npt.NDArray[np.uint8] = self.viewer.screenshot(canvas_only=canvas_only, flash=False)
        return pixels[..., :3]


@pytest.fixture
def screen(make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot) -> Iterator[Screen]:
    """A window of which nothing was asked yet."""
    screen = Screen(make_napari_viewer(show=True), qtbot)
    yield screen
    screen.window.stop_listening()
