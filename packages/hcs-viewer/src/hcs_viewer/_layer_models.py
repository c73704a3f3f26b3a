"""What the layout knows of one layer: what its images have in common, and which plane lies where."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from hcs_protocol import COMPONENTS, DTYPES, ImageReady, Step, natural_key

from ._axes import Position, Value

Z = COMPONENTS.index("z_index")
OF_THEIR_OWN = frozenset({"plate", "well"})
"""Components without which an image is none of the others': it has a position of its own beside them."""


class LayerKey(NamedTuple):  # made for every image, and a dataclass takes longer
    """What images of one layer have in common; two images with the same key are in the same layer."""

    run: str
    """Empty for layers that one run takes over from the other."""
    step: Step | None
    kind: str
    sliced: Position
    stacked: frozenset[str]
    has_z: bool
    dtype: str
    colours: tuple[int, ...] = ()
    """How many, if it is a colour image."""
    size: tuple[int, ...] | None = None
    """Height and width; None if images of all sizes are padded."""

    @property
    def order(self) -> tuple[object, ...]:
        """Return where its layer stands among others: by step, components, z, dtype; larger ones first."""
        step = (self.step.index, self.step.name) if self.step else (-1, "")
        sliced = tuple((natural_key(value), str(value)) for value in self.sliced)
        size = tuple(-side for side in self.size or ())
        dtype = tuple(DTYPES).index(self.dtype)
        stacked = tuple(sorted(self.stacked))
        return (
            self.kind == "labels",
            *step,
            sliced,
            self.has_z,
            dtype,
            self.colours,
            size,
            stacked,
            self.run,
        )

    def of_any_size(self) -> "LayerKey":
        """Return what layers have in common that differ in size alone."""
        return self._replace(size=None)

    def projection(self) -> "LayerKey":
        """Return what layers have in common that differ in z, size or dtype alone."""
        sliced = (*self.sliced[:Z], None, *self.sliced[Z + 1 :])
        stacked = self.stacked - {"z_index"}
        return self._replace(has_z=False, sliced=sliced, stacked=stacked, dtype="", colours=(), size=None)


@dataclass(frozen=True)
class Plane:
    """Where the pixels of one slider position are: an image in the store, and a plane of it."""

    image: int
    plane: int | None
    """The z-plane of a volume."""


@dataclass(eq=False)
class LayerModel:
    """One layer: its name, and its stack's planes."""

    key: LayerKey
    first: ImageReady
    """The first image that came; it says how the layer is shown."""
    run: str
    """The last one to begin of those whose images lie here; a run may take over the layers of others."""
    run_number: int
    """Of the first one to begin; the name goes by it."""
    shape: tuple[int, ...]
    """Of a plane: height, width, and colours if it has them."""
    name: str = ""
    base: str = ""
    """The name before it was made unique."""
    planes: dict[Position, Plane] = field(default_factory=dict)
    pinned: dict[str, Value] = field(default_factory=dict)
    """Components that stay at these values wherever their sliders are."""
    well: Value = field(init=False)
    """Of the first image."""
    has_other_wells: bool = False
    present: set[str] = field(default_factory=set)
    """The stacked components that some of its images have."""
    absent: set[str] = field(default_factory=set)
    """The stacked components that some of its images lack."""
    order: tuple[object, ...] = field(init=False)
    """Where it stands among others of its run, whichever came first."""
    _uses: Counter[int] = field(default_factory=Counter, init=False)

    def __post_init__(self) -> None:
        self.well = self.first.address.components.well
        self.order = self.key.order

    @property
    def step_index(self) -> int:
        """Of its step, -1 for images without one."""
        return self.key.step.index if self.key.step else -1

    @property
    def stacked(self) -> frozenset[str]:
        """The components that have an axis here."""
        return self.key.stacked

    @property
    def dtype(self) -> str:
        """Of the images."""
        return self.key.dtype

    @property
    def images(self) -> list[int]:
        """The store's numbers of the images that lie here."""
        return list(self._uses)

    @property
    def image_count(self) -> int:
        """How many images lie here."""
        return len(self._uses)

    def moves(self, component: str) -> bool:
        """Say whether the component's slider shows another image of this layer.

        Images that all lack it are seen at each of its positions.
        """
        return component in self.key.stacked and (component in self.present or component in OF_THEIR_OWN)

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
    """Other layers, or this one if it is not new, that have another name now."""
