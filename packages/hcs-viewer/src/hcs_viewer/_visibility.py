"""Which layers are seen: those of the newest run, and of its steps the latest that has an image here.

Beside fluorescence, transmitted light stays hidden: it is bright all over, and channels are added up.
So does a projection beside its planes, to which it would be added at every z.
"""

from collections.abc import Callable, Sequence

import napari

from ._layer_models import LayerModel
from ._layers import CHANNEL, ShownLayer
from ._layout import Layout
from ._side_by_side import SideBySide
from ._sliders import Sliders
from ._view import View


class Visibility:
    """Shows and hides the layers of one napari viewer, but for those that the user has shown or hidden."""

    def __init__(
        self,
        viewer: napari.Viewer,
        layout: Layout,
        sliders: Sliders,
        side_by_side: SideBySide,
        view: View,
        layers: Callable[[], Sequence[ShownLayer]],
    ) -> None:
        """Leave everything as it is.

        Args:
            viewer: Shows the layers.
            layout: Knows which run is the newest.
            sliders: Say where one looks.
            side_by_side: Shows all steps while it is on.
            view: Brings into view what is seen.
            layers: Returns our layers in the window, from bottom to top.
        """
        self._viewer = viewer
        self._layout = layout
        self._sliders = sliders
        self._side_by_side = side_by_side
        self._view = view
        self._layers = layers
        self._is_arranging = False

    def arrange(self) -> None:
        """Show what is to be seen where the sliders stand, hide the rest, and bring it into view.

        Without effect while all steps are side by side.
        """
        if self._is_arranging or self._side_by_side.is_on:
            return  # each layer that comes or goes is told to those who watch, and so to us
        layers = self._layers()
        before = {shown for shown in layers if shown.layer.visible}
        self._is_arranging = True
        try:
            with self._sliders.ours():
                self._see(self._wanted(layers))
        finally:
            self._is_arranging = False
        self._select_instead([shown for shown in before if not shown.layer.visible], layers)
        self._view.fit()

    def can_show(self, model: LayerModel) -> bool:
        """Say whether a layer is seen where it has the latest image, as the user has not hidden it."""
        layers = self._layers()
        is_newest = self._run(model) == self._newest(layers)
        return any(
            shown.layer.visible or (is_newest and not shown.is_hidden_by_hand)
            for shown in layers
            if shown.model is model
        )

    def _see(self, wanted: dict[ShownLayer, bool]) -> None:
        """Show and hide layers; those that the user linked keep all in common but what parts them here."""
        for shown, is_wanted in wanted.items():
            shown.see(is_wanted)
        if not all(shown.is_as_wanted(is_wanted) for shown, is_wanted in wanted.items()):
            self._viewer.layers.unlink_layers([shown.layer for shown in wanted], ("visible",))
            for shown, is_wanted in wanted.items():
                shown.see(is_wanted)

    def _wanted(self, layers: Sequence[ShownLayer]) -> dict[ShownLayer, bool]:
        """Return of each layer whether it is to be seen; where no step has an image, all stay as they are."""
        newest = self._newest(layers)
        of_run = [shown for shown in layers if self._run(shown.model) == newest]
        here = [shown for shown in of_run if self._sliders.has_image(shown.model)]
        wanted = dict.fromkeys(layers, False) | {shown: shown.layer.visible for shown in of_run}
        for kind in {shown.model.key.kind for shown in here}:
            latest = max(shown.model.step_index for shown in here if shown.model.key.kind == kind)
            has_fluorescence = any(
                shown.is_fluorescence for shown in here if shown.model.step_index == latest
            )
            stacks = {shown.model.key.projection() for shown in here if shown.model.key.has_z}
            wanted |= {
                shown: shown.model.step_index == latest
                and not (shown.is_transmitted and has_fluorescence)
                and (shown.model.key.has_z or shown.model.key.projection() not in stacks)
                for shown in of_run
                if shown.model.key.kind == kind
            }
        return wanted

    def _select_instead(self, hidden: Sequence[ShownLayer], layers: Sequence[ShownLayer]) -> None:
        """If all that is selected was hidden now, select the topmost layer that is seen and most like it."""
        selected = set(self._viewer.layers.selection)
        lost = [shown for shown in hidden if shown.layer in selected]
        seen = [shown for shown in reversed(layers) if shown.layer.visible]
        if lost and len(lost) == len(selected) and seen:
            instead = max(seen, key=lambda shown: _likeness(shown.model, lost[0].model))
            self._viewer.layers.selection.active = instead.layer

    def _newest(self, layers: Sequence[ShownLayer]) -> int:
        return max((self._run(shown.model) for shown in layers), default=0)

    def _run(self, model: LayerModel) -> int:
        return self._layout.run_number(model.run)


def _likeness(one: LayerModel, other: LayerModel) -> tuple[bool, bool]:
    return one.key.kind == other.key.kind, one.key.sliced[CHANNEL] == other.key.sliced[CHANNEL]
