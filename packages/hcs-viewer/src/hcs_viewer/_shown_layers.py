"""Our layers in one napari window: found by their models, told apart from the user's own."""

from collections.abc import Iterator

import napari
from napari.layers import Labels, Layer

from hcs_protocol import COMPONENTS

from ._layer_models import LayerModel
from ._layers import ShownLayer
from ._stacks import Stack

PLANE = ("y", "x")


class ShownLayers:
    """The layers that we made for a viewer, those that the user deleted included."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self._by_model: dict[int, ShownLayer] = {}

    def of(self, model: LayerModel) -> ShownLayer | None:
        """Return the layer that was made for a model, unless there is none."""
        return self._by_model.get(id(model))

    def add(self, shown: ShownLayer) -> None:
        """Note a layer that was made."""
        self._by_model[id(shown.model)] = shown

    def remove(self, model: LayerModel) -> None:
        """Take the layer of a model out of the window; if there is none, that is harmless."""
        shown = self._by_model.pop(id(model), None)
        if shown is not None:
            shown.forget()
            if shown.is_in(self._viewer):
                self._viewer.layers.remove(shown.layer)

    def let_go(self, model: LayerModel) -> bool:
        """Leave a layer to the user if its pixels are his own by now, and say whether they are."""
        shown = self._by_model.get(id(model))
        if shown is None or not shown.is_the_users(self._viewer):
            return False
        shown.forget()
        del self._by_model[id(model)]
        return True

    def take_over(self, layer: Layer) -> ShownLayer | None:
        """Take a layer that napari made of one of ours, and put in its place, for ours."""
        for shown in self:
            if (
                layer.data is shown.stack
                and layer is not shown.layer
                and shown.layer not in self._viewer.layers
            ):
                shown.take_over(layer)
                return shown
        return None

    def from_bottom(self) -> list[ShownLayer]:
        """Return those that are in the window, and show our images, in the window's order."""
        places = {id(layer): place for place, layer in enumerate(self._viewer.layers)}
        present = [shown for shown in self if id(shown.layer) in places and shown.layer.data is shown.stack]
        return sorted(present, key=lambda shown: places[id(shown.layer)])

    def spanned_by_others(self) -> frozenset[str]:
        """Return the components along which a layer of the user's own has places, such as a point at a well.

        z is left out: the planes of a volume lie in order.
        """
        others = [layer for layer in self._viewer.layers if not isinstance(layer.data, Stack)]
        axes = max((layer.ndim for layer in others), default=0) - len(PLANE)
        return frozenset(COMPONENTS[max(0, len(COMPONENTS) - axes) :]) - {"z_index"}

    def duplicates(self) -> list[Layer]:
        """Return the layers in which the user shows our images once more."""
        ours = {id(shown.layer) for shown in self}
        return [
            layer for layer in self._viewer.layers if isinstance(layer.data, Stack) and id(layer) not in ours
        ]

    def lock_duplicates(self) -> None:
        """Let nobody paint on labels that are our images once more: their pixels cannot be written."""
        for layer in self.duplicates():
            if isinstance(layer, Labels):
                layer.editable = False

    def __iter__(self) -> Iterator[ShownLayer]:
        return iter(self._by_model.values())
