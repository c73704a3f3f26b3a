"""What a first image would have to wait for is done before it comes, while an empty window has nothing to do.

The window is ready before that: whoever has an image by then waits for no blank one.
"""

import importlib
import string
import threading
from collections.abc import Iterator

import napari
import numpy as np
from qtpy.QtCore import QTimer

from ._drawing_context import DrawingContext
from ._sliders import POSITION_FONT_SIZE, Sliders

REST_MILLISECONDS = 300
"""So long a window is ready before it begins: images that come at once come first."""
STEP_MILLISECONDS = 20
"""From one step to the next: whatever has arrived meanwhile comes first, and so does the user's hand."""
LETTERS = string.ascii_letters + string.digits + " ·_+–"
LETTERS_AT_ONCE = 16
SLOW_IMPORTS = ("pandas", "PIL.Image")
"""Of the first layer of labels, and of the first screenshot that somebody asks for."""


class Priming:
    """Pays for what a first image needs, in steps that end when a real one comes."""

    def __init__(self, viewer: napari.Viewer, sliders: Sliders) -> None:
        self._viewer, self._sliders = viewer, sliders
        self._imports = threading.Thread(target=_import_slow_ones, name="hcs-imports")
        self._steps = self._all()
        self._has_begun = False
        self._timer = QTimer()
        self._timer.timeout.connect(self._go_on)

    def begin(self) -> None:
        """Prime in a while, and make way for whatever comes."""
        self._has_begun = True
        self._timer.start(REST_MILLISECONDS)

    def stop(self) -> None:
        """Do nothing more: the window is about to go. A second time is harmless."""
        self._timer.stop()

    @property
    def is_done(self) -> bool:
        """Whether it has begun, and nothing is left to do or it made way."""
        return self._has_begun and not self._timer.isActive() and not self._imports.is_alive()

    def finish(self) -> None:
        """Do all that is left, now; a second time is harmless."""
        for _ in self._steps:
            if self._imports.ident is not None:
                self._imports.join()

    def _go_on(self) -> None:
        """Do one step; once there are images, what they need is there, and labels may come yet."""
        self._timer.setInterval(STEP_MILLISECONDS)
        if self._viewer.layers or next(self._steps, None) is None:
            self._timer.stop()
            self._import()

    def _all(self) -> Iterator[str]:
        viewer = self._viewer
        blank = np.zeros((1, 1, 1, 1, 1, 1, 8, 8), np.uint16)
        viewer.add_image(blank, contrast_limits=(0, 1), projection_mode="none")
        viewer.screenshot(canvas_only=True, flash=False)
        self._clear()
        yield "an image"
        self._import()
        while self._imports.is_alive():
            yield "imports"
        viewer.add_labels(blank)
        self._clear()
        yield "labels"
        for first in range(0, len(LETTERS), LETTERS_AT_ONCE):
            text = viewer.canvas.overlays.text
            text.text, text.visible = LETTERS[first : first + LETTERS_AT_ONCE], True
            text.font_size = POSITION_FONT_SIZE
            viewer.screenshot(canvas_only=True, flash=False)
            self._sliders.tell()
            yield "letters"

    def _clear(self) -> None:
        DrawingContext(self._viewer).make_current()
        self._viewer.layers.clear()
        self._sliders.clear()

    def _import(self) -> None:
        if self._imports.ident is None:
            self._imports.start()


def _import_slow_ones() -> None:
    for name in SLOW_IMPORTS:
        importlib.import_module(name)
