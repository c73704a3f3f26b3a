"""How images are to be shown: one mode per component, colours, what to do with unequal sizes."""

import math
from enum import StrEnum
from typing import TYPE_CHECKING, cast

import msgspec

from ._components import COMPONENTS, Text
from ._errors import UnsupportedArrayError


class DimensionMode(StrEnum):
    """What becomes of a component: a layer per value, or an axis with a slider."""

    SLICE = "slice"
    STACK = "stack"


class VariableSizeHandling(StrEnum):
    """What becomes of images of unequal height and width."""

    SEPARATE_LAYERS = "separate_layers"
    PAD_TO_MAX = "pad_to_max"


SLICED_BY_DEFAULT = frozenset({"channel"})


def _default_mode(component: str) -> DimensionMode:
    return DimensionMode.SLICE if component in SLICED_BY_DEFAULT else DimensionMode.STACK


class _Display(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    colormap: Text | None = None
    """A napari colormap; None lets the viewer choose one per channel."""
    contrast_limits: tuple[float, float] | None = None
    """In grey values; None takes them from the images."""
    variable_size_handling: VariableSizeHandling = VariableSizeHandling.SEPARATE_LAYERS
    replace_layers: bool = False
    """Whether a new run takes over the layers of the run before."""

    def mode(self, component: str) -> DimensionMode:
        """Return the mode of the component with this name."""
        found: DimensionMode = getattr(self, f"{component}_mode")
        return found

    def check(self) -> None:
        """Refuse a display that no viewer can draw.

        Raises:
            UnsupportedArrayError: The contrast limits do not rise, or one is no finite number.
        """
        limits = self.contrast_limits
        if limits is not None and not -math.inf < limits[0] < limits[1] < math.inf:
            raise UnsupportedArrayError(f"wanted contrast limits that rise, they are {limits!r}")


def display_with_modes(components: tuple[str, ...]) -> type[_Display]:
    """Make the display configuration of a vocabulary: one ``<component>_mode`` field each."""
    modes = [(f"{name}_mode", DimensionMode, _default_mode(name)) for name in components]
    made = msgspec.defstruct(
        "DisplayConfiguration",
        modes,
        bases=(_Display,),
        frozen=True,
        kw_only=True,
        omit_defaults=True,
        namespace={
            "__doc__": "How a stream's images are shown; the mode fields are made from the vocabulary."
        },
    )
    return cast("type[_Display]", made)


if TYPE_CHECKING:

    class DisplayConfiguration(_Display, frozen=True, kw_only=True):
        """What `display_with_modes` makes of the vocabulary, as a type checker needs to see it."""

        plate_mode: DimensionMode = DimensionMode.STACK
        timepoint_mode: DimensionMode = DimensionMode.STACK
        well_mode: DimensionMode = DimensionMode.STACK
        site_mode: DimensionMode = DimensionMode.STACK
        z_index_mode: DimensionMode = DimensionMode.STACK
        channel_mode: DimensionMode = DimensionMode.SLICE

else:
    DisplayConfiguration = display_with_modes(COMPONENTS)
