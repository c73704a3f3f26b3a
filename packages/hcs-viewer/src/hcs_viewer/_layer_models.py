"""What the layout knows of one layer: what its images have in common, and which plane lies where."""

from collections import Counter
from dataclasses import dataclass, field

from hcs_protocol import COMPONENTS, ImageReady, Step

from ._axes import Position

Z = COMPONENTS.index("z_index")


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


@dataclass(frozen=True)
class Plane:
    """Where the pixels of one slider position are: an image in the store, and a plane of it."""

    image: int
    plane: int | None
    """The z-plane of a volume."""


@dataclass
class LayerModel:
    """One layer: its name, its stack's planes and its contrast."""

    key: LayerKey
    first: ImageReady
    """The first image that came; it says how the layer is shown."""
    run: str
    """Of the images that came last; a run may take over the layers of the one before."""
    stacked: frozenset[str]
    shape: tuple[int, ...]
    """Of a plane: height, width, and colours if it has them."""
    dtype: str
    name: str = ""
    base: str = ""
    """The name before it was made unique."""
    planes: dict[Position, Plane] = field(default_factory=dict)
    _uses: Counter[int] = field(default_factory=Counter, init=False)

    @property
    def images(self) -> list[int]:
        """The store's numbers of the images that lie here."""
        return list(self._uses)

    def moves(self, component: str) -> bool:
        """Say whether the component's slider shows another image of this layer."""
        return component in self.stacked and (component != "z_index" or self.key.has_z)

    def put(self, position: Position, plane: Plane) -> int | None:
        """Lay a plane at a position and return the number of an image that lies nowhere any more."""
        before = self.planes.get(position)
        self.planes[position] = plane
        self._uses[plane.image] += 1
        if before is None:
            return None
        self._uses[before.image] -= 1
        if self._uses[before.image]:
            return None
        del self._uses[before.image]
        return before.image


@dataclass(frozen=True)
class Placement:
    """What became of one image."""

    layer: LayerModel
    positions: tuple[Position, ...]
    """One; of a volume, those of all its planes."""
    is_new_layer: bool
    replaced: tuple[int, ...] = ()
    """The store's numbers of images that lay there before, and now lie nowhere."""
    renamed: tuple[LayerModel, ...] = ()
