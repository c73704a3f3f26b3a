"""Steps that are unlinked from the sliders: their layers stay where they are while the others move."""

from collections.abc import Callable, Sequence

import napari

from hcs_protocol import Step

from ._axes import Value
from ._layer_models import LayerModel
from ._layers import ShownLayer
from ._sliders import Sliders

StepKey = tuple[str, Step | None]
"""A step of one run."""


class Pins:
    """Which steps are pinned, and where."""

    def __init__(
        self, viewer: napari.Viewer, sliders: Sliders, layers: Callable[[], Sequence[ShownLayer]]
    ) -> None:
        """Pin nothing yet.

        Args:
            viewer: Shows the layers, in two dimensions or three.
            sliders: Say where a step is when it is pinned.
            layers: Returns our layers in the window, from bottom to top.
        """
        self.changed: Callable[[], None] = lambda: None
        """Called when a step is pinned or set free."""
        self._viewer = viewer
        self._sliders = sliders
        self._layers = layers
        self._pinned: dict[StepKey, dict[str, Value]] = {}

    def listen(self) -> None:
        """Begin to note when the axes that are displayed change: along these, nothing is pinned."""
        self._viewer.dims.events.ndisplay.connect(self._on_displayed)
        self._viewer.dims.events.order.connect(self._on_displayed)

    def is_pinned(self, model: LayerModel) -> bool:
        """Say whether the step of this layer is unlinked from the sliders."""
        return _key(model) in self._pinned

    def pin(self, model: LayerModel) -> None:
        """Let the step of this layer stay where it is."""
        self._pinned[_key(model)] = dict(self._sliders.at)
        self._update()

    def unpin(self, model: LayerModel) -> None:
        """Let the sliders move the step of this layer again; a second time is harmless."""
        self._pinned.pop(_key(model), None)
        self._update()

    def add(self, model: LayerModel) -> None:
        """Take a new layer in; one of a pinned step is pinned with it."""
        if _key(model) in self._pinned:
            self._set(model)

    def clear(self) -> None:
        """Forget all pins, as their layers are gone."""
        self._pinned.clear()

    def _on_displayed(self) -> None:
        if self._pinned:
            self._update()

    def _update(self) -> None:
        for shown in self._layers():
            if self._set(shown.model) and shown.layer.visible:
                shown.layer.refresh(highlight=False, extent=False)
        self._sliders.tell()
        self.changed()

    def _set(self, model: LayerModel) -> bool:
        """Pin a layer, or set it free, and say whether that changed something."""
        at, displayed = self._pinned.get(_key(model), {}), self._sliders.displayed
        before = model.pinned
        model.pinned = {c: value for c, value in at.items() if c not in displayed}
        return model.pinned != before


def _key(model: LayerModel) -> StepKey:
    return model.key.run, model.key.step
