"""The window's sliders: what they stand for is kept as values, so that a growing axis moves nobody away."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product

import napari
from napari.utils.events import EventEmitter
from qtpy.QtGui import QFont, QFontMetricsF

from hcs_protocol import COMPONENTS

from ._axes import Position, Value
from ._layer_models import LayerModel
from ._layers import ShownLayer
from ._layout import Layout
from ._words import canvas_words

POSITION_FONT_SIZE, LEAST_FONT_SIZE = 12, 7
LETTERS_WIDER = 2.2
"""So much wider are the letters of napari's canvas than Qt's of as many pixels as they have points."""
MARGIN_PIXELS = 16

AXIS_LABELS = (*COMPONENTS, "y", "x")
NO_CHOICE = 0.0, 0.0, 1.0
"""First and last place of a slider, and its step."""

Watcher = Callable[[bool], None]
"""Told that the sliders or their axes changed, and whether somebody moved them by hand."""


class Sliders:
    """The sliders of one napari viewer, and the line on its canvas that says where they stand."""

    def __init__(
        self, viewer: napari.Viewer, layout: Layout, layers: Callable[[], Sequence[ShownLayer]]
    ) -> None:
        """Take over the sliders.

        Args:
            viewer: Has them.
            layout: Knows what they stand for.
            layers: Returns our layers in the window, from bottom to top.
        """
        self.at: dict[str, Value] = dict.fromkeys(COMPONENTS)
        """What the sliders stand for."""
        self.says_step = True
        """Whether the line on the canvas says the step of the topmost layer."""
        self.is_silent = False
        """Whether there is no such line for now, until `speak`."""
        self.is_nowhere = False
        """Whether the line says that no layer that is visible has an image there."""
        self._viewer = viewer
        self._layout = layout
        self._layers = layers
        self._watchers: list[Watcher] = []
        self._is_ours = False
        self._before_3d = EventEmitter(source=self, type_name="ndisplay")
        """Told first: of callbacks that are no emitters napari's own come first, its camera's among them."""
        self._before_3d.connect(self._leave_empty)
        viewer.dims.events.ndisplay.connect(self._before_3d, position="first")

    @property
    def displayed(self) -> list[str]:
        """The components along which all is seen at once, as in 3-D, so that their sliders say nothing."""
        places = {place - self._first for place in self._viewer.dims.displayed}
        return [c for place, c in enumerate(COMPONENTS) if place in places]

    @property
    def _thick(self) -> list[str]:
        """The components of which napari shows more than one place at once in layers that are projected."""
        thickness = self._viewer.dims.thickness[max(0, self._first) :]
        return [c for c, thick in zip(COMPONENTS, thickness, strict=False) if thick > 0]

    def listen(self) -> None:
        """Begin to note what the user does with the sliders."""
        self._viewer.dims.events.current_step.connect(self._on_slider)
        self._viewer.dims.events.ndisplay.connect(self.tell)
        self._viewer.dims.events.order.connect(self.tell)
        self._viewer.layers.events.removed.connect(self.tell)
        self._viewer.layers.events.reordered.connect(self.tell)
        self._viewer.canvas.events.size.connect(self.tell)

    def watch(self, watcher: Watcher) -> None:
        """Tell somebody of every move from now on."""
        self._watchers.append(watcher)

    def go_to(self, at: dict[str, Value], *, by_hand: bool = False, is_new: bool = False) -> bool:
        """Move the sliders to these values and say whether they had to move.

        Args:
            at: A value without a position leaves its slider where it is.
            by_hand: Whether somebody chose where to look.
            is_new: As `follow_axes`.
        """
        before = self._viewer.dims.point
        self.at |= {c: value for c, value in at.items() if value in self._layout.axes[c]}
        self.follow_axes(by_hand=by_hand, is_new=is_new)
        moved: bool = before != self._viewer.dims.point
        return moved

    def follow_axes(self, *, by_hand: bool = False, is_new: bool = False) -> None:
        """Put the sliders where their values are now.

        Args:
            by_hand: Whether somebody chose where to look.
            is_new: Whether there is a layer that nobody has seen yet. Else a slider stays along which we have
                nothing to choose from: it may be about layers of the user's own.
        """
        dims, first = self._viewer.dims, self._first
        if first >= 0:
            axes, steps = self._layout.axes, self._steps()
            places = [
                place for place, c in enumerate(COMPONENTS) if is_new or by_hand or len(axes[c].values) > 1
            ]
            points = [axes.index(c, self.at[c]) * steps[place] for place, c in enumerate(COMPONENTS)]
            with self.ours():
                dims.axis_labels = (*dims.axis_labels[:first], *AXIS_LABELS)
                if places:
                    dims.set_point([first + place for place in places], [points[place] for place in places])
        self._changed(by_hand)

    def clear(self) -> None:
        """Stand nowhere, as before the first image; napari's sliders are made, to save the first one time.

        None of them is seen, as there is nothing to choose from.
        """
        self.at = dict.fromkeys(COMPONENTS)
        if not self._viewer.layers and self._viewer.dims.ndisplay == 2:  # else napari's camera cannot follow
            with self.ours():
                self._viewer.dims.update(
                    {
                        "ndim": len(AXIS_LABELS),
                        "range": [NO_CHOICE] * len(AXIS_LABELS),
                        "axis_labels": AXIS_LABELS,
                    }
                )
        self._changed(False)

    def stand_at(self, shown: ShownLayer, positions: set[Position]) -> bool:
        """Say whether the layer shows one of these positions now; in 3-D all along an axis are.

        Where napari projects a thick slice, those beside it may be, too.
        """
        here = self._layout.position_of(shown.model, self.at | shown.model.pinned)
        along = {*self.displayed, *(self._thick if shown.is_projected else ())}
        across = [place for place, c in enumerate(COMPONENTS) if c not in along]
        if len(across) == len(here):
            return here in positions
        return any(all(position[place] == here[place] for place in across) for position in positions)

    def has_image(self, model: LayerModel) -> bool:
        """Say whether the layer has an image where the sliders stand; in 3-D anywhere along an axis."""
        along, at = self.displayed, self.at | model.pinned
        places = product(*(self._layout.axes[c].values or [None] for c in along))
        return any(
            self._layout.position_of(model, at | dict(zip(along, place, strict=True))) in model.planes
            for place in places
        )

    def speak(self) -> None:
        """Have the line again that was put off."""
        self.is_silent = False
        self.tell()

    def tell(self) -> None:
        """Say on the canvas where the sliders stand, and what is seen there."""
        if self.is_silent:
            return
        visible = [shown.model for shown in reversed(self._layers()) if shown.layer.visible]
        displayed = self.displayed
        at = {c: value for c, value in self.at.items() if c not in displayed}
        self.is_nowhere = bool(visible) and not any(map(self.has_image, visible))
        nowhere = visible[0] if self.is_nowhere else None
        words = canvas_words(at, self._layout.axes, visible, says_step=self.says_step, nowhere=nowhere)
        text = self._viewer.canvas.overlays.text
        text.text = words
        text.visible = bool(words)
        text.position = "top_left"
        text.font_size = _font_size(words, self._viewer.canvas.size[1])

    @contextmanager
    def ours(self) -> Iterator[None]:
        """Take what moves the sliders meanwhile for no wish of the user's."""
        before, self._is_ours = self._is_ours, True
        try:
            yield
        finally:
            self._is_ours = before

    @property
    def _first(self) -> int:
        """The place of our first slider: napari counts from the last, and a user's layer may have more axes.

        Less than 0 if none of ours is there.
        """
        return int(self._viewer.dims.ndim) - len(AXIS_LABELS)

    def _leave_empty(self) -> None:
        """Give back the axes of a window without layers: in 3-D napari's camera knows none but its own."""
        if not self._viewer.layers:
            with self.ours():
                dims = self._viewer.dims
                dims.ndim = self._viewer.layers.ndim
                dims.events.ndim(value=dims.ndim)  # at once, or napari looks for sliders that are gone

    def _on_slider(self) -> None:
        if self._is_ours or (first := self._first) < 0:
            return
        point, steps = self._viewer.dims.point[first:], self._steps()
        at = {
            c: self._layout.axes.value(c, round(point[place] / steps[place]))
            for place, c in enumerate(COMPONENTS)
        }
        if at != self.at:  # else y and x have other steps, since some layer made the window's world larger
            self.at = at
            self._changed(True)

    def _steps(self) -> list[float]:
        """Return how far apart the images of our layers lie in the window's world, along each component.

        napari's own steps begin and go as the layers of all the window ask for, the user's own included.
        """
        return [self._layout.z_step or 1.0 if c == "z_index" else 1.0 for c in COMPONENTS]

    def _changed(self, by_hand: bool) -> None:
        self.tell()
        for watcher in self._watchers:
            watcher(by_hand)


def _font_size(words: str, width: float) -> int:
    """Return the size at which a canvas of so many pixels is as wide as the longest line."""
    font = QFont()
    font.setPixelSize(POSITION_FONT_SIZE)
    letters = QFontMetricsF(font)
    longest = max(map(letters.horizontalAdvance, words.splitlines()), default=0.0) or 1.0
    fitting = int(POSITION_FONT_SIZE * (width - MARGIN_PIXELS) / (LETTERS_WIDER * longest))
    return max(LEAST_FONT_SIZE, min(POSITION_FONT_SIZE, fitting))
