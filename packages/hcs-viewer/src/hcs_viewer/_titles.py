"""The names of steps above their cells: written in a layer, so that they move and zoom with these."""

import napari
import numpy as np
from napari.layers import Points

from hcs_protocol import Step

from ._cells import Cells, Corner
from ._words import step_words

LAYER_NAME = "Steps"
NO_STEP = "Images"
SIZE = 0.5
"""Of the letters, as a part of the room for them; smaller if a title is too long for its cell."""
LONGEST = 28
"""Letters; what is longer is cut in the middle."""
LIFT = 0.2
"""From the cell to the title, as a part of the room for it."""
LINE_HEIGHT = 0.06
"""Room above all for each line on the canvas, as a part of the height of all cells."""
LOOK = {"anchor": "upper_left", "scaling": True, "color": "white"}
NO_POINT = {"size": 1, "face_color": "transparent", "border_color": "transparent"}

Corners = dict[Step | None, Corner]


class Titles:
    """A layer of text, which is there while something is written in it."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self._layer: Points | None = None
        self._written: tuple[Corners, Cells, int] | None = None

    @property
    def layers(self) -> list[Points]:
        """The layer, if it is there; the user may have removed it."""
        return [layer for layer in (self._layer,) if layer is not None and layer in self._viewer.layers]

    def write(self, corners: Corners, cells: Cells, lines: int) -> None:
        """Write the name of each step above its cell; a second time costs nothing.

        Args:
            corners: Of the steps' cells.
            cells: All of them.
            lines: So many are on the canvas, above all cells.
        """
        if (corners, cells, lines) == self._written:
            return
        if not corners:
            self.remove()
            return
        self._written = (corners, cells, lines)
        titles = [_cut(step_words(step)) if step else NO_STEP for step in corners]
        size = min(SIZE * cells.title_height, cells.size[1] / max(map(len, titles)))
        text = {"string": [*titles, ""], "size": size, **LOOK}
        places = np.array(list(corners.values())) - (LIFT * cells.title_height, 0)
        places = np.vstack([places, (-cells.title_height - lines * LINE_HEIGHT * cells.extent[0], 0)])
        for layer in self.layers:
            layer.data, layer.text = places, text
        if not self.layers:
            self._add(Points(places, name=LAYER_NAME, text=text, **NO_POINT))

    def remove(self) -> None:
        """Take the titles away; a second time is harmless."""
        for layer in self.layers:
            self._viewer.layers.remove(layer)
        self._layer = self._written = None

    def _add(self, layer: Points) -> None:
        layer.editable = False
        selected = set(self._viewer.layers.selection)
        self._viewer.layers.append(layer)
        self._viewer.layers.selection = selected
        self._layer = layer


def _cut(title: str) -> str:
    if len(title) <= LONGEST:
        return title
    return f"{title[: LONGEST // 2]}…{title[1 - LONGEST // 2 :]}"
