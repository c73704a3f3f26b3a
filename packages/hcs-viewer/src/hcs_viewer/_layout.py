"""Which layer an image belongs to, and where in its stack. Pure Python: no pixels, no napari."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from hcs_protocol import (
    COMPONENTS,
    DimensionMode,
    ImageReady,
    RunStarted,
    Step,
    VariableSizeHandling,
    layer_name,
    natural_key,
    unique_name,
)

Value = int | str | None
Position = tuple[Value, ...]
"""One value per component of `COMPONENTS`; None for those that a layer does not stack."""

DECLARED = {
    "plate": "plates",
    "timepoint": "timepoints",
    "well": "wells",
    "site": "sites",
    "channel": "channels",
    "z_index": "z_indexes",
}


class Axis:
    """The values that have a slider position, sorted as people sort them; missing comes first."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self._keys: list[tuple[object, str]] = []
        self._known: set[Value] = set()

    def add(self, value: Value) -> bool:
        """Give a value its position and say whether that is new."""
        if value in self._known:
            return False
        key = (natural_key(value), type(value).__name__)
        place = bisect_left(self._keys, key)
        self._keys.insert(place, key)
        self.values.insert(place, value)
        self._known.add(value)
        return True

    def __len__(self) -> int:
        return max(1, len(self.values))


@dataclass(frozen=True)
class LayerKey:
    """What images of one layer have in common."""

    run: str
    step: Step | None
    kind: str
    sliced: Position
    has_z: bool
    shape: tuple[int, ...] | None = None
    """Height, width and colours, when layers of other sizes or dtypes stand beside this one."""
    dtype: str = ""
    well: str | None = None
    """Of a layer of its own for one well."""


@dataclass
class Plane:
    """Where the pixels of one slider position are: an image in the store, and a plane of it."""

    image: int
    plane: int | None
    """The z-plane of a volume."""


@dataclass
class LayerModel:
    """One layer: its name, its stack's planes and its contrast."""

    key: LayerKey
    name: str
    first: ImageReady
    """The first image that came; it says how the layer is shown."""
    run: str
    """Of the images that came last; a run may take over the layers of the one before."""
    stacked: frozenset[str]
    shape: tuple[int, ...]
    """Of a plane: height, width, and colours if it has them."""
    dtype: str
    planes: dict[Position, Plane] = field(default_factory=dict)
    base: str = ""
    """The name before it was made unique."""
    images: int = 0
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Placement:
    """What became of one image."""

    layer: LayerModel
    position: Position
    is_new_layer: bool
    replaced: int | None
    """The store's number of the image that lay there before."""
    renamed: tuple[LayerModel, ...] = ()


class Layout:
    """All layers and the axes that they share, so that one slider moves all of them."""

    def __init__(self) -> None:
        self.axes: dict[str, Axis] = {component: Axis() for component in COMPONENTS}
        self.layers: list[LayerModel] = []
        self.z_step: float | None = None
        self.size = 0
        """Grows whenever an axis does."""
        self._by_key: dict[LayerKey, LayerModel] = {}
        self._declared: dict[str, RunStarted] = {}
        self._stacked_in_run: set[tuple[str, str]] = set()
        self._runs: dict[str, int] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes, in the order of `COMPONENTS`."""
        return tuple(len(axis) for axis in self.axes.values())

    def declare(self, started: RunStarted) -> None:
        """Give the values that a run expects their positions before its images come."""
        self._declared[started.run] = started
        for run, component in sorted(self._stacked_in_run):
            if run == started.run:
                self._expect(started, component)

    def place(self, ready: ImageReady, number: int) -> Placement:
        """Find the layer and the position of an image, making both if there are none yet.

        Args:
            ready: What the image shows and how to draw it.
            number: The image's number in the store.
        """
        stacked = frozenset(c for c in COMPONENTS if ready.display.mode(c) is DimensionMode.STACK)
        layer, is_new = self._layer(ready, stacked)
        layer.run = ready.address.run
        self._runs.setdefault(layer.run, len(self._runs) + 1)
        renamed = self._name_projections(layer) if is_new else ()
        if ready.spec.z_step and self.z_step is None:
            self.z_step = ready.spec.z_step
        before = self._planes(layer, ready, number)
        return Placement(layer, self._position(layer, ready, self._z(ready)), is_new, before, renamed)

    def run_number(self, run: str) -> int:
        """Return which of the runs this is, counting from 1 in the order in which they came."""
        return self._runs.get(run, 0)

    def position(self, layer: LayerModel, indexes: Iterable[int]) -> Position:
        """Return the position in a layer's stack at these slider positions, one per component."""
        return tuple(
            self.value(component, index) if self._moves(layer, component) else None
            for component, index in zip(COMPONENTS, indexes, strict=True)
        )

    def value(self, component: str, index: int) -> Value:
        """Return what a slider position stands for; None where the axis has no values."""
        values = self.axes[component].values
        return values[index] if index < len(values) else None

    def index(self, component: str, value: Value) -> int:
        """Return the slider position of a value, 0 if it has none."""
        values = self.axes[component].values
        return values.index(value) if value in values else 0

    def remove(self, layers: Iterable[LayerModel]) -> list[int]:
        """Forget layers and return the store's numbers of their images."""
        gone = {layer.key for layer in layers}
        numbers = {plane.image for key in gone for plane in self._by_key[key].planes.values()}
        self.layers = [layer for layer in self.layers if layer.key not in gone]
        for key in gone:
            del self._by_key[key]
        return sorted(numbers)

    def _layer(self, ready: ImageReady, stacked: frozenset[str]) -> tuple[LayerModel, bool]:
        for key in self._keys(ready, stacked):
            layer = self._by_key.get(key)
            if layer is None:
                return self._new_layer(key, ready, stacked), True
            if _fits(layer, ready):
                return layer, False
        raise AssertionError("the last key names shape and dtype, so it fits")

    def _keys(self, ready: ImageReady, stacked: frozenset[str]) -> Iterator[LayerKey]:
        components = ready.address.components
        plain = LayerKey(
            run="" if ready.display.replace_layers else ready.address.run,
            step=ready.address.step,
            kind=ready.spec.kind,
            sliced=tuple(None if c in stacked else components.value(c) for c in COMPONENTS),
            has_z=components.z_index is not None or ready.spec.axes[0] == "z",
        )
        yield plain
        if components.well is not None and "well" in stacked:
            yield replace(plain, well=components.well)
        yield replace(plain, shape=_plane_shape(ready), dtype=ready.spec.dtype)

    def _new_layer(self, key: LayerKey, ready: ImageReady, stacked: frozenset[str]) -> LayerModel:
        if key.well is not None:
            stacked -= {"well"}
        layer = LayerModel(key, "", ready, ready.address.run, stacked, _plane_shape(ready), ready.spec.dtype)
        self._by_key[key] = layer
        self.layers.append(layer)
        layer.name = self._name(layer)
        for component in sorted(stacked):
            self._stacked_in_run.add((ready.address.run, component))
            if started := self._declared.get(ready.address.run):
                self._expect(started, component)
        return layer

    def _expect(self, started: RunStarted, component: str) -> None:
        values: list[int | str] = getattr(started, DECLARED[component])
        for value in values:
            self.size += self.axes[component].add(value)

    def _planes(self, layer: LayerModel, ready: ImageReady, number: int) -> int | None:
        first = self._z(ready)
        planes: list[tuple[Value, Plane]] = [(first, Plane(number, None))]
        if ready.spec.axes[0] == "z":
            start = first if isinstance(first, int) else 1
            planes = [(start + plane, Plane(number, plane)) for plane in range(ready.spec.shape[0])]
        found = [self._put(layer, self._position(layer, ready, z), plane) for z, plane in planes]
        before = {image for image in found if image is not None}
        layer.images += not before
        return _no_longer_used(layer, before)

    def _put(self, layer: LayerModel, position: Position, plane: Plane) -> int | None:
        for component, value in zip(COMPONENTS, position, strict=True):
            if self._moves(layer, component):
                self.size += self.axes[component].add(value)
        before = layer.planes.get(position)
        layer.planes[position] = plane
        return before.image if before else None

    def _position(self, layer: LayerModel, ready: ImageReady, z_index: Value) -> Position:
        values = {c: ready.address.components.value(c) for c in COMPONENTS} | {"z_index": z_index}
        return tuple(values[c] if self._moves(layer, c) else None for c in COMPONENTS)

    def _moves(self, layer: LayerModel, component: str) -> bool:
        return component in layer.stacked and (component != "z_index" or layer.key.has_z)

    def _z(self, ready: ImageReady) -> Value:
        z_index = ready.address.components.z_index
        return 1 if z_index is None and ready.spec.axes[0] == "z" else z_index

    def _name(self, layer: LayerModel) -> str:
        sliced = frozenset(COMPONENTS) - layer.stacked
        projection = not layer.key.has_z and replace(layer.key, has_z=True) in self._by_key
        components = layer.first.address.components
        layer.base = layer_name(layer.key.step, components, sliced, projection=projection)
        others = [other for other in self.layers if other is not layer]
        if layer.key.dtype:
            layer.base += f" [{'x'.join(map(str, layer.shape))} {layer.dtype}]"
        if any(other.base == layer.base and other.key.run == layer.key.run for other in others):
            layer.base += f" [{layer.key.kind}]"
        taken = {other.name for other in others}
        return next(name for n in count(1) if (name := unique_name(layer.base, n)) not in taken)

    def _name_projections(self, layer: LayerModel) -> tuple[LayerModel, ...]:
        flat = self._by_key.get(replace(layer.key, has_z=False))
        if flat is None or flat is layer:
            return ()
        flat.name = self._name(flat)
        layer.name = self._name(layer)  # the plain name is free now
        return (flat,)


def _plane_shape(ready: ImageReady) -> tuple[int, ...]:
    return ready.spec.shape[1:] if ready.spec.axes[0] == "z" else ready.spec.shape


def _fits(layer: LayerModel, ready: ImageReady) -> bool:
    shape = _plane_shape(ready)
    if ready.spec.dtype != layer.dtype or len(shape) != len(layer.shape):
        return False
    if ready.display.variable_size_handling is VariableSizeHandling.PAD_TO_MAX:
        layer.shape = tuple(map(max, layer.shape, shape))
        return True
    return shape == layer.shape


def _no_longer_used(layer: LayerModel, images: set[int]) -> int | None:
    """Return the one of these images that none of the layer's planes shows any more."""
    if not images:
        return None
    used = {plane.image for plane in layer.planes.values()} if len(images) > 1 else images
    return next(iter(images - used), None)
