"""One step of a pipeline: what it does with which images, and what becomes of the results."""

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Literal, TypeAlias, get_args

from hcs_protocol import COMPONENTS, Kind
from hcs_stream.config import Streamings

from ._calls import Chain, FunctionsOfChannels, chains
from ._errors import StepDefinitionError

StreamWhat: TypeAlias = Literal["all", "materialised", "none"]
"""Which results go to viewers: every step's, those of steps that materialise theirs, or none."""
Materialised: TypeAlias = Literal["zarr", "disk"]
"""As what results are kept."""

GROUPABLE = tuple(component for component in COMPONENTS if component not in {"plate", "well"})


@dataclass(frozen=True)
class Step:
    """Functions that make new images of the images before, and what becomes of those."""

    func: FunctionsOfChannels
    """A function, or ``(function, settings)``; a list of them, of which each gets what the one before it
    returned; or ``{channel: them}``, where the images of other channels pass unchanged. Functions travel to
    worker processes, so they stand at the top level of a module. Each gets an array of shape ``(y, x)``,
    ``(y, x, 3)`` for colours, with the axes of `group_by` in front of them."""
    name: str = ""
    """As it is shown; the functions' own by default."""
    _: KW_ONLY
    kind: Kind = "image"
    """``"labels"`` if the results are integers that number objects."""
    group_by: str | Sequence[str] | None = None
    """The components whose images a function gets as one array, ``"z_index"`` for ``(z, y, x)`` volumes,
    ``("channel", "z_index")`` for ``(channel, z, y, x)``; None for each plane by itself. An axis that the
    result has not any more, as a projection, is no part of its address."""
    streaming: Streamings = None
    """How results are shown; what it leaves open is as the pipeline says. None for all as it says."""
    materialise: bool | Materialised = True
    """Whether results are kept in the run's output, if it has one: as ``"zarr"``, which True means, an
    OME-NGFF plate of this step, or as ``"disk"``, a TIFF file for each image."""
    stream: StreamWhat | None = None
    """Whether results are streamed: always, if they are materialised, or not; None is as `streaming` says."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise StepDefinitionError(f"wanted a name as text, found {self.name!r}")
        names = dict.fromkeys(call.name for chain in self.chains.values() for call in chain)
        object.__setattr__(self, "name", self.name or "_".join(names))
        if self.kind not in get_args(Kind):
            raise StepDefinitionError(f"wanted the kind 'image' or 'labels', found {self.kind!r}")
        if self.stream not in (None, *get_args(StreamWhat)):
            raise StepDefinitionError(f"wanted stream='all', 'materialised' or 'none', found {self.stream!r}")
        if self.materialise not in (True, False, *get_args(Materialised)):
            raise StepDefinitionError(
                f"wanted materialise=True, False, 'zarr' or 'disk', found {self.materialise!r}"
            )
        self._check_axes()

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """The components in front of y and x in the array that a function gets."""
        return (self.group_by,) if isinstance(self.group_by, str) else tuple(self.group_by or ())

    @cached_property
    def chains(self) -> dict[str | None, Chain]:
        """The calls for each channel; under None those for all channels."""
        return chains(self.func)

    def streams(self, by_default: StreamWhat) -> bool:
        """Say whether results go to viewers, if there are any."""
        what = self.stream or by_default
        return what == "all" or (what == "materialised" and bool(self.materialise))

    def chain(self, channel: object) -> Chain | None:
        """Return the calls for images of this channel; None if they pass unchanged."""
        return self.chains.get(None) or self.chains.get(str(channel))

    def _check_axes(self) -> None:
        if not isinstance(self.group_by, str | Sequence | None):
            raise StepDefinitionError(f"wanted to group by a component or several, found {self.group_by!r}")
        if unknown := [component for component in self.axes if component not in GROUPABLE]:
            wanted = f"wanted to group by {', '.join(GROUPABLE)}"
            raise StepDefinitionError(f"{wanted}, found {unknown[0]!r}")
        if len(set(self.axes)) != len(self.axes):
            raise StepDefinitionError(f"wanted components to group by once each, found {self.group_by!r}")
        if "channel" in self.axes and None not in self.chains:
            raise StepDefinitionError(
                "wanted one function for all channels, where they are grouped; found several"
            )


def common_order(steps: Iterable[Step]) -> tuple[str, ...]:
    """Return the components in the order in which images are read, so that groups are together early.

    What no step groups by comes first, what the first step groups by comes last.
    """
    last = {component: number for number, step in enumerate(steps, start=1) for component in step.axes}
    return tuple(sorted(COMPONENTS, key=lambda component: (component in last, -last.get(component, 0))))
