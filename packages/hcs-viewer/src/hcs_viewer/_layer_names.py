"""What layers are called: by which layers there are, never by the order in which their images came."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain, count

from hcs_protocol import COMPONENTS, layer_name, unique_name

from ._layer_models import LayerKey, LayerModel

Heads = dict[tuple[int, str], LayerModel]
"""By number of the run, and kind: the first of the layers that would all be called the same."""

LONGEST_NAME = 440
"""Letters of a layer's name before what makes it unique; messages take 512."""


class LayerNames:
    """The names of all layers; a new one changes those of the few that it makes ambiguous."""

    def __init__(self) -> None:
        self._by_name: dict[str, LayerModel] = {}
        self._by_base: defaultdict[str, list[LayerModel]] = defaultdict(list)
        self._heads: dict[str, Heads] = {}
        """By base, of those whose layers all have the names that they would be given anew."""
        self._of_sizes: defaultdict[LayerKey, list[LayerModel]] = defaultdict(list)
        self._flat: defaultdict[LayerKey, list[LayerModel]] = defaultdict(list)
        """Layers without z."""
        self._deep: defaultdict[LayerKey, list[LayerModel]] = defaultdict(list)
        """Layers with z, by what a projection of them has in common with them."""

    def add(self, layer: LayerModel) -> list[LayerModel]:
        """Name a new layer and return the others that have another name now."""
        changed = [layer, *self._beside(layer)]
        for group in self._groups(layer):
            group.append(layer)
        return [other for other in self.update(changed) if other is not layer]

    def update(self, layers: Iterable[LayerModel]) -> list[LayerModel]:
        """Name layers of which something changed; return all that have another name now."""
        bases: dict[str, None] = {}
        for layer in layers:
            base = self._base(layer)
            if not layer.base and self._name_beside(layer, base):
                continue
            if layer.base and layer.base != base:
                self._by_base[layer.base].remove(layer)
                del self._by_name[layer.name]
                self._heads.clear()
                bases[layer.base] = None
            if layer.base != base:
                self._by_base[base].append(layer)
                layer.base = base
            bases[base] = None
        return [layer for base in bases for layer in self._name_all(base)]

    def remove(self, layers: Iterable[LayerModel]) -> None:
        """Let names be given again; what is left keeps its own."""
        for layer in layers:
            for group in (*self._groups(layer), self._by_base[layer.base]):
                group.remove(layer)
            del self._by_name[layer.name]
        self._heads.clear()  # what is given again may be any other's

    def _groups(self, layer: LayerModel) -> tuple[list[LayerModel], ...]:
        beside = self._deep if layer.key.has_z else self._flat
        return self._of_sizes[layer.key.of_any_size()], beside[layer.key.projection()]

    def _beside(self, layer: LayerModel) -> list[LayerModel]:
        """Return the layers that only now are one of several sizes, or a projection."""
        of_sizes = self._of_sizes[layer.key.of_any_size()]
        first = of_sizes if len(of_sizes) == 1 else []
        projection = layer.key.projection()
        is_first_deep = layer.key.has_z and not self._deep[projection]
        return [*first, *(self._flat[projection] if is_first_deep else ())]

    def _base(self, layer: LayerModel) -> str:
        key = layer.key
        sliced = frozenset(COMPONENTS) - key.stacked
        is_one_of_sizes = key.size is not None and len(self._of_sizes[key.of_any_size()]) > 1
        if is_one_of_sizes and not layer.has_other_wells:
            sliced |= {"well"}
        is_projection = not key.has_z and bool(self._deep[key.projection()])
        components = layer.first.address.components
        return layer_name(key.step, components, sliced, projection=is_projection)[:LONGEST_NAME]

    def _name_beside(self, layer: LayerModel, base: str) -> bool:
        """Name a new layer alone, and say whether all others keep their names: there may be thousands."""
        heads = self._heads.get(base, {})
        head = heads.get((layer.run_number, layer.key.kind))
        if head is None or layer.order < head.order:
            return False
        name = base + _suffix(layer, heads)
        if name in self._by_name:
            return False
        self._by_base[base].append(layer)
        self._by_name[name] = layer
        layer.base, layer.name = base, name
        return True

    def _name_all(self, base: str) -> list[LayerModel]:
        """Name the layers that would all be called the same; return those that have another name now."""
        layers = sorted(self._by_base[base], key=lambda layer: (layer.run_number, *layer.order))
        for layer in layers:
            if self._by_name.get(layer.name) is layer:  # another one may have taken its old name over
                del self._by_name[layer.name]
        heads = self._heads[base] = {}
        renamed = []
        for layer in layers:
            name = self._free_name(base + _suffix(layer, heads), layer.run_number)
            self._by_name[name] = layer
            if name != layer.name:
                if layer.name:
                    self._heads = {base: heads}  # what it was called may be wanted by others
                layer.name = name
                renamed.append(layer)
        return renamed

    def _free_name(self, wanted: str, run_number: int) -> str:
        numbered = (unique_name(wanted, number) for number in count(max(2, run_number)))
        return next(name for name in chain((wanted,), numbered) if name not in self._by_name)


def _suffix(layer: LayerModel, heads: Heads) -> str:
    """Say in which way a layer differs from the first of its run that would be called the same."""
    key, run = layer.key, layer.run_number
    suffix = ""
    head = heads.setdefault((run, key.kind), layer).key
    if (head.size, head.colours, head.dtype) != (key.size, key.colours, key.dtype):
        size = "x".join(map(str, (*(key.size or ()), *key.colours)))
        suffix = f" [{f'{size} {key.dtype}'.strip()}]"
    if key.kind == "labels" and (run, "image") in heads:
        suffix += " [labels]"
    return suffix
