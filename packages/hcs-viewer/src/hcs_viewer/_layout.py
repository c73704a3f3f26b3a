"""Which layer an image belongs to, and where in its stack. Pure Python: no pixels, no napari."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from hcs_protocol import (
    COMPONENTS,
    DimensionMode,
    DisplayConfiguration,
    ImageReady,
    RunStarted,
    VariableSizeHandling,
)

from ._axes import Axes, Position, Value
from ._layer_models import LayerKey, LayerModel, Placement, Plane
from ._layer_names import LayerNames

LAST_Z = (1 << 63) - 1


class Layout:
    """All layers, and where in them the images are."""

    def __init__(self) -> None:
        self.axes = Axes()
        self.layers: list[LayerModel] = []
        self.z_step: float | None = None
        self._by_key: dict[LayerKey, LayerModel] = {}
        self._names = LayerNames()
        self._runs: dict[str, int] = {}
        self._growth = 0

    @property
    def growth(self) -> int:
        """Changes whenever the shape or the scale of a stack may have changed."""
        return self.axes.growth + self._growth

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes, in the order of `COMPONENTS`."""
        return self.axes.shape

    def declare(self, started: RunStarted) -> None:
        """Give the values that a run expects their positions before its images come."""
        self.axes.declare(started)

    def place(self, ready: ImageReady, number: int) -> Placement:
        """Find the layer and the positions of an image, making both if there are none yet.

        Args:
            ready: What the image shows and how to draw it.
            number: The image's number in the store.
        """
        run_number = self._runs.setdefault(ready.address.run, len(self._runs) + 1)
        self._note_z_step(ready)
        key = _key(ready)
        layer = self._by_key.get(key)
        is_new = layer is None
        if layer is None:
            layer, renamed = self._new_layer(key, ready, run_number)
        else:
            renamed = self._extend(layer, ready, run_number)
        positions, replaced = [], []
        for z_index, plane in _planes(ready, number):
            positions.append(position := self._position(layer, ready, z_index))
            if (before := layer.put(position, plane)) is not None:
                replaced.append(before)
        return Placement(layer, tuple(positions), is_new, tuple(replaced), tuple(renamed))

    def run_number(self, run: str) -> int:
        """Return which of the runs this is, counting from 1 in the order in which they came."""
        return self._runs.get(run, 0)

    def rank(self, layer: LayerModel) -> tuple[object, ...]:
        """Return where a layer lies, from the bottom: runs, in them colours, greys, labels, in them steps."""
        height = 2 if layer.key.kind == "labels" else int(not layer.key.colours)
        return (self.run_number(layer.run), height, *layer.order)

    def position(self, layer: LayerModel, indexes: Iterable[int]) -> Position:
        """Return the position in a layer's stack at these slider positions, one per component.

        Components that are pinned are where they are pinned.
        """
        values = {c: self.axes.value(c, index) for c, index in zip(COMPONENTS, indexes, strict=True)}
        return self.position_of(layer, values | layer.pinned)

    def position_of(self, layer: LayerModel, values: Mapping[str, Value]) -> Position:
        """Return the position in a layer's stack of these values, one per component."""
        return tuple(values[c] if layer.moves(c) else None for c in COMPONENTS)

    def remove(self, layers: Iterable[LayerModel]) -> list[int]:
        """Forget layers and return the store's numbers of their images."""
        gone = {layer.key: layer for layer in layers}
        self.layers = [layer for layer in self.layers if layer.key not in gone]
        self._names.remove(gone.values())
        for key in gone:
            del self._by_key[key]
        if not self.layers:
            self.axes.clear()
            self.z_step = None
        images = sorted(number for layer in gone.values() for number in layer.images)
        for layer in gone.values():
            layer.planes.clear()  # whoever still shows it has nothing to look at
        return images

    def _note_z_step(self, ready: ImageReady) -> None:
        if ready.spec.z_step and self.z_step is None:
            self.z_step = ready.spec.z_step
            self._growth += 1

    def _new_layer(
        self, key: LayerKey, ready: ImageReady, run_number: int
    ) -> tuple[LayerModel, list[LayerModel]]:
        run = ready.address.run
        layer = LayerModel(key, ready, run, run_number, _plane_shape(ready))
        self._by_key[key] = layer
        self.layers.append(layer)
        for component in sorted(key.stacked):
            self.axes.stack(run, component)
        return layer, self._names.add(layer)

    def _extend(self, layer: LayerModel, ready: ImageReady, run_number: int) -> list[LayerModel]:
        """Note what a further image says of its layer; return the layers that have another name then."""
        if (wider := tuple(map(max, layer.shape, _plane_shape(ready)))) != layer.shape:
            layer.shape = wider
            self._growth += 1
        if layer.run != ready.address.run and run_number > self._runs[layer.run]:
            layer.run = ready.address.run
        is_other_well = ready.address.components.well != layer.well and not layer.has_other_wells
        is_earlier_run = run_number < layer.run_number
        layer.has_other_wells |= is_other_well
        layer.run_number = min(layer.run_number, run_number)
        return self._names.update([layer]) if is_other_well or is_earlier_run else []

    def _position(self, layer: LayerModel, ready: ImageReady, z_index: Value) -> Position:
        values = {c: ready.address.components.value(c) for c in COMPONENTS} | {"z_index": z_index}
        for component in layer.stacked:
            self._note(layer, component, values[component])
            if layer.moves(component):
                self.axes.add(component, values[component])
        return self.position_of(layer, values)

    def _note(self, layer: LayerModel, component: str, value: Value) -> None:
        """Note that an image has a component, or lacks it; one that lacked it now has a position for that."""
        if value is None:
            layer.absent.add(component)
        elif component not in layer.present:
            layer.present.add(component)
            if component in layer.absent:
                self._growth += 1
        if component in layer.present and component in layer.absent:
            self.axes.add(component, None)


def _key(ready: ImageReady) -> LayerKey:
    """Return which layer an image belongs to; nothing but the image itself decides that."""
    spec, components = ready.spec, ready.address.components
    stacked = _stacked(ready.display)
    height, width, *colours = _plane_shape(ready)
    pads = ready.display.variable_size_handling is VariableSizeHandling.PAD_TO_MAX
    return LayerKey(
        run="" if ready.display.replace_layers else ready.address.run,
        step=ready.address.step,
        kind=spec.kind,
        sliced=tuple(None if c in stacked else _text(components.value(c)) for c in COMPONENTS),
        stacked=stacked,
        has_z=components.z_index is not None or spec.axes[0] == "z",
        dtype=spec.dtype,
        colours=tuple(colours),
        size=None if pads else (height, width),
    )


@lru_cache(256)
def _stacked(display: DisplayConfiguration) -> frozenset[str]:
    return frozenset(c for c in COMPONENTS if display.mode(c) is DimensionMode.STACK)


def _planes(ready: ImageReady, number: int) -> Iterator[tuple[Value, Plane]]:
    """Yield the z_index and the plane of an image, or of each plane of a volume."""
    first = ready.address.components.z_index
    if ready.spec.axes[0] != "z":
        yield first, Plane(number, None)
        return
    start = min(first, LAST_Z - ready.spec.shape[0]) if isinstance(first, int) else 1
    for plane in range(ready.spec.shape[0]):
        yield start + plane, Plane(number, plane)


def _text(value: Value) -> str | None:
    return None if value is None else str(value)  # channel 1 is channel "1"


def _plane_shape(ready: ImageReady) -> tuple[int, ...]:
    return ready.spec.shape[1:] if ready.spec.axes[0] == "z" else ready.spec.shape
