"""A napari window in which the pipeline itself shows its images: what a script does today."""

import sys
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any

import napari
import numpy as np
from lanes.commands import Answer, Commands
from lanes.pixels import mark, noises

from .watched import Watched, watch_next_window

WINDOW_SIZE = 1280, 860
"""As ours."""
SOURCES = 8


class Pipeline:
    """Shows numbered images of one shape; each command returns when its image is painted."""

    def __init__(self, watched: Watched, shape: tuple[int, int]) -> None:
        self._watched, self._viewer = watched, watched.viewer
        self._sources = cycle(noises(shape, SOURCES))

    @property
    def commands(self) -> Commands:
        """By their names."""
        return {"add": self.add, "set_data": self.set_data, "refresh": self.refresh, "clear": self.clear}

    def add(self, number: int) -> Answer:
        """Add an image as a layer of its own."""
        return self._show(number, self._viewer.add_image)

    def set_data(self, number: int) -> Answer:
        """Give the topmost layer another array."""

        def show(pixels: Any) -> None:
            self._viewer.layers[-1].data = pixels

        return self._show(number, show)

    def refresh(self, number: int) -> Answer:
        """Overwrite the topmost layer's array, which is not timed, and refresh."""
        pixels = self._viewer.layers[-1].data
        self._watched.thread.call(lambda: np.copyto(pixels, self._next(number)))
        return self._timed(number, lambda: self._viewer.layers[-1].refresh())

    def clear(self) -> Answer:
        """Remove all layers."""
        self._watched.thread.call(self._viewer.layers.clear)
        return {}

    def _show(self, number: int, show: Callable[[Any], object]) -> Answer:
        pixels = self._next(number).copy()  # a pipeline computes each into memory of its own
        return self._timed(number, lambda: show(pixels))

    def _timed(self, number: int, show: Callable[[], object]) -> Answer:
        def run() -> tuple[int, int]:
            began = time.monotonic_ns()
            show()
            return began, time.monotonic_ns()

        began, returned = self._watched.thread.call(run)
        return {"began": began, "returned": returned, **self._watched.painted(number)}

    def _next(self, number: int) -> Any:
        source = next(self._sources)
        mark(source, number)
        return source


def main() -> None:
    """Open a window for images of this shape, as ready for its first layer as ours is."""
    rows, columns = map(int, sys.argv[1:])
    watch_next_window(lambda watched: Pipeline(watched, (rows, columns)).commands)
    viewer = napari.Viewer(title="plain", show_welcome_screen=False)
    viewer.window.resize(*WINDOW_SIZE)
    viewer.add_image(np.zeros((8, 8), np.uint16))
    viewer.layers.clear()
    napari.run()


if __name__ == "__main__":
    main()
