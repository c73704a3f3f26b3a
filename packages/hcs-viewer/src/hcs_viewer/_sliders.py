"""The window's sliders: what they stand for is kept as values, so that a growing axis moves nobody away."""

from collections.abc import Iterator
from contextlib import contextmanager

import napari

from hcs_protocol import COMPONENTS

from ._axes import Position, Value
from ._layer_models import LayerModel
from ._layout import Layout

POSITION_FONT_SIZE = 14

AXIS_LABELS = (*COMPONENTS, "y", "x")
WORDS = {component: component for component in COMPONENTS} | {"z_index": "z"}
NAMED_BY_VALUE = frozenset({"plate", "well", "channel"})


class Sliders:
    """The sliders of one napari viewer, and the line on its canvas that says where they stand."""

    def __init__(self, viewer: napari.Viewer, layout: Layout) -> None:
        self.at: dict[str, Value] = dict.fromkeys(COMPONENTS)
        """What the sliders stand for."""
        self._viewer = viewer
        self._layout = layout
        self._is_ours = False

    def listen(self) -> None:
        """Begin to note what the user does with the sliders."""
        self._viewer.dims.events.current_step.connect(self._on_slider)

    def go_to(self, at: dict[str, Value]) -> None:
        """Move the sliders to these values; a value without a position leaves its slider where it is."""
        self.at |= {c: value for c, value in at.items() if value in self._layout.axes[c]}
        self.follow_axes()

    def follow_axes(self) -> None:
        """Put the sliders where their values are now."""
        if self._viewer.dims.ndim == len(AXIS_LABELS):
            steps = [self._layout.axes.index(c, self.at[c]) for c in COMPONENTS]
            with self.ours():
                self._viewer.dims.axis_labels = AXIS_LABELS
                self._viewer.dims.set_current_step(range(len(steps)), steps)
        self._write_position()

    def clear(self) -> None:
        """Stand nowhere, as before the first image."""
        self.at = dict.fromkeys(COMPONENTS)
        self._write_position()

    def stand_at(self, model: LayerModel, positions: set[Position]) -> bool:
        """Say whether the layer shows one of these positions now; in 3-D all along an axis are."""
        here = self._layout.position_of(model, self.at)
        across = [place for place in range(len(here)) if place not in self._viewer.dims.displayed]
        if len(across) == len(here):
            return here in positions
        return any(all(position[place] == here[place] for place in across) for position in positions)

    @contextmanager
    def ours(self) -> Iterator[None]:
        """Take what moves the sliders meanwhile for no wish of the user's."""
        before, self._is_ours = self._is_ours, True
        try:
            yield
        finally:
            self._is_ours = before

    def _on_slider(self) -> None:
        if self._is_ours or self._viewer.dims.ndim != len(AXIS_LABELS):
            return
        steps = self._viewer.dims.current_step
        self.at = {c: self._layout.axes.value(c, steps[place]) for place, c in enumerate(COMPONENTS)}
        self._write_position()

    def _write_position(self) -> None:
        axes = self._layout.axes
        told = [c for c in COMPONENTS if self.at[c] is not None or len(axes[c]) > 1]
        parts = [_words(c, self.at[c]) for c in told if self.at[c] in axes[c]]
        text = self._viewer.canvas.overlays.text
        text.text = " · ".join(parts)
        text.visible = bool(parts)
        text.position = "top_left"
        text.font_size = POSITION_FONT_SIZE


def _words(component: str, value: Value) -> str:
    """Say where a slider stands: ``B03``, ``site 2``, ``well –``."""
    if value is None:
        return f"{WORDS[component]} –"
    return str(value) if component in NAMED_BY_VALUE else f"{WORDS[component]} {value}"
