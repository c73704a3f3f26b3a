"""Which layer an image belongs to, and where in its stack. Pure Python: no pixels, no napari."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import count

from hcs_protocol import (
    COMPONENTS,
    DimensionMode,
    ImageReady,
    RunStarted,
    VariableSizeHandling,
    layer_name,
    unique_name,
)

from ._axes import Axes, Position, Value
from ._layer_models import LayerKey, LayerModel, Placement, Plane, Z

LAST_Z = (1 << 63) - 1
LONGEST_NAME = 480
"""Letters of a layer's name before `` [run 2]``; messages take 512."""


class Layout:
    """All layers, and where in them the images are."""

    def __init__(self) -> None:
        self.axes = Axes()
        self.layers: list[LayerModel] = []
        self.z_step: float | None = None
        self._by_key: dict[LayerKey, LayerModel] = {}
        self._with_z: set[LayerKey] = set()
        """Keys beside which there are images with z: a layer that has one of them is a projection."""
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
        self._runs.setdefault(ready.address.run, len(self._runs) + 1)
        self._note_z_step(ready)
        layer, is_new = self._layer(ready)
        layer.run = ready.address.run
        renamed = self._rename_others(layer) if is_new else ()
        positions, replaced = [], []
        for z_index, plane in _planes(ready, number):
            positions.append(position := self._position(layer, ready, z_index))
            if (before := layer.put(position, plane)) is not None:
                replaced.append(before)
        return Placement(layer, tuple(positions), is_new, tuple(replaced), renamed)

    def run_number(self, run: str) -> int:
        """Return which of the runs this is, counting from 1 in the order in which they came."""
        return self._runs.get(run, 0)

    def position(self, layer: LayerModel, indexes: Iterable[int]) -> Position:
        """Return the position in a layer's stack at these slider positions, one per component."""
        return tuple(
            self.axes.value(component, index) if layer.moves(component) else None
            for component, index in zip(COMPONENTS, indexes, strict=True)
        )

    def position_of(self, layer: LayerModel, values: Mapping[str, Value]) -> Position:
        """Return the position in a layer's stack of these values, one per component."""
        return tuple(values[c] if layer.moves(c) else None for c in COMPONENTS)

    def remove(self, layers: Iterable[LayerModel]) -> list[int]:
        """Forget layers and return the store's numbers of their images."""
        gone = {layer.key: layer for layer in layers}
        self.layers = [layer for layer in self.layers if layer.key not in gone]
        self._with_z -= {_flat(key) for key in gone if key.has_z}
        for key in gone:
            del self._by_key[key]
        if not self.layers:
            self.axes.clear()
            self.z_step = None
        return sorted(number for layer in gone.values() for number in layer.images)

    def _note_z_step(self, ready: ImageReady) -> None:
        if ready.spec.z_step and self.z_step is None:
            self.z_step = ready.spec.z_step
            self._growth += 1

    def _layer(self, ready: ImageReady) -> tuple[LayerModel, bool]:
        stacked = frozenset(c for c in COMPONENTS if ready.display.mode(c) is DimensionMode.STACK)
        key = self._key(ready, stacked)
        layer = self._by_key.get(key)
        if layer is None:
            return self._new_layer(key, ready, stacked), True
        if (wider := _wide_enough(layer, ready)) != layer.shape:
            layer.shape = wider
            self._growth += 1
        return layer, False

    def _key(self, ready: ImageReady, stacked: frozenset[str]) -> LayerKey:
        """Return the key of the layer that takes this image: the plain one, the well's or the size's."""
        components = ready.address.components
        plain = LayerKey(
            run="" if ready.display.replace_layers else ready.address.run,
            step=ready.address.step,
            kind=ready.spec.kind,
            sliced=tuple(None if c in stacked else _text(components.value(c)) for c in COMPONENTS),
            has_z=components.z_index is not None or ready.spec.axes[0] == "z",
        )
        other = self._by_key.get(plain)
        if other is None or _fits(other, ready):
            return plain
        if _differs_in_size_alone(other, ready) and components.well is not None and "well" in stacked:
            own = replace(plain, well=components.well)
            if own not in self._by_key or _fits(self._by_key[own], ready):
                return own
        shape = _plane_shape(ready)
        return replace(plain, shape=shape[2:] if _pads(ready) else shape, dtype=ready.spec.dtype)

    def _new_layer(self, key: LayerKey, ready: ImageReady, stacked: frozenset[str]) -> LayerModel:
        run = ready.address.run
        layer = LayerModel(key, ready, run, stacked, _plane_shape(ready), ready.spec.dtype)
        if key.has_z:
            self._with_z.add(_flat(key))
        self._by_key[key] = layer
        self.layers.append(layer)
        self._name(layer)
        for component in sorted(stacked):
            self.axes.stack(run, component)
        return layer

    def _position(self, layer: LayerModel, ready: ImageReady, z_index: Value) -> Position:
        values = {c: ready.address.components.value(c) for c in COMPONENTS} | {"z_index": z_index}
        for component in COMPONENTS:
            if layer.moves(component):
                self.axes.add(component, values[component])
        return self.position_of(layer, values)

    def _name(self, layer: LayerModel) -> None:
        key, others = layer.key, [other for other in self.layers if other is not layer]
        sliced = (frozenset(COMPONENTS) - layer.stacked) | ({"well"} if key.well else set())
        projection = key in self._with_z
        layer.base = layer_name(key.step, layer.first.address.components, sliced, projection=projection)
        if key.dtype:
            size = "x".join(map(str, key.shape or ()))
            layer.base += f" [{f'{size} {key.dtype}'.strip()}]"
        same_name = any(other.base == layer.base and other.key.run == key.run for other in others)
        if same_name or (key.kind == "labels" and replace(key, kind="image") in self._by_key):
            layer.base += f" [{key.kind}]"
        layer.base = layer.base[:LONGEST_NAME]
        taken = {other.name for other in others}
        layer.name = next(name for n in count(1) if (name := unique_name(layer.base, n)) not in taken)

    def _rename_others(self, layer: LayerModel) -> tuple[LayerModel, ...]:
        """Rename what came before this layer and is called a projection, or labels, only beside it."""
        beside = [_flat(layer.key), replace(layer.key, kind="labels")]
        renamed = tuple(self._by_key[key] for key in beside if key != layer.key and key in self._by_key)
        for other in (*renamed, layer):  # itself last: the plain name is free now
            self._name(other)
        return renamed


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


def _pads(ready: ImageReady) -> bool:
    return ready.display.variable_size_handling is VariableSizeHandling.PAD_TO_MAX


def _wide_enough(layer: LayerModel, ready: ImageReady) -> tuple[int, ...]:
    return tuple(map(max, layer.shape, _plane_shape(ready)))


def _fits(layer: LayerModel, ready: ImageReady) -> bool:
    if _pads(ready):
        return _differs_in_size_alone(layer, ready)
    return ready.spec.dtype == layer.dtype and _plane_shape(ready) == layer.shape


def _differs_in_size_alone(layer: LayerModel, ready: ImageReady) -> bool:
    return ready.spec.dtype == layer.dtype and _plane_shape(ready)[2:] == layer.shape[2:]


def _flat(key: LayerKey) -> LayerKey:
    """Return the key of the projection of a layer that has z."""
    return replace(key, has_z=False, sliced=(*key.sliced[:Z], None, *key.sliced[Z + 1 :]))
