"""How a pipeline's images are shown, made from the protocol's display configuration."""

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, cast

import msgspec

from hcs_protocol import (
    DimensionMode,
    DisplayConfiguration,
    UnsupportedArrayError,
    VariableSizeHandling,
)

from ._colormaps import NapariColormap
from ._inheritance import Explained
from ._settings import Check

NapariDimensionMode = DimensionMode
NapariVariableSizeHandling = VariableSizeHandling


def _wanted_limits(limits: tuple[float, float]) -> str | None:
    try:
        DisplayConfiguration(contrast_limits=limits).check()
    except UnsupportedArrayError:
        return "two grey values that rise"
    return None


class _Display(Explained):
    shown_by: ClassVar[type[msgspec.Struct]] = DisplayConfiguration
    checks: ClassVar[Mapping[str, Check]] = {"contrast_limits": _wanted_limits}

    def display(self) -> DisplayConfiguration:
        """Return these settings as the viewer is told them; each time the same object."""
        return self._shown

    @cached_property
    def _shown(self) -> DisplayConfiguration:
        settings = {name: getattr(self, name) for name in self.shown_by.__struct_fields__}
        return cast("DisplayConfiguration", msgspec.convert(msgspec.to_builtins(settings), self.shown_by))


def display_config(shown_by: type[msgspec.Struct]) -> type[_Display]:
    """Make the configuration class of a display configuration: its fields, with napari's colormaps."""
    ours: dict[str, tuple[object, object]] = {"colormap": (NapariColormap | None, NapariColormap.GRAY)}
    fields = [
        (field.name, *ours.get(field.name, (field.type, field.default)))
        for field in msgspec.structs.fields(shown_by)
    ]
    made = dataclasses.make_dataclass(
        "NapariDisplayConfig",
        [(name, hint, dataclasses.field(default=default)) for name, hint, default in fields],
        bases=(_Display,),
        frozen=True,
        kw_only=True,
        namespace={
            "__doc__": "How images are shown; a mode for each component of the vocabulary.",
            "shown_by": shown_by,
        },
    )
    made.__module__ = __name__  # `make_dataclass` says so by itself from Python 3.12 on
    return made


if TYPE_CHECKING:

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class NapariDisplayConfig(_Display):
        """What `display_config` makes of the protocol's configuration, as a type checker needs to see it."""

        colormap: NapariColormap | str | None = NapariColormap.GRAY
        contrast_limits: tuple[float, float] | None = None
        variable_size_handling: NapariVariableSizeHandling = NapariVariableSizeHandling.SEPARATE_LAYERS
        replace_layers: bool = False
        plate_mode: NapariDimensionMode = NapariDimensionMode.STACK
        timepoint_mode: NapariDimensionMode = NapariDimensionMode.STACK
        well_mode: NapariDimensionMode = NapariDimensionMode.STACK
        site_mode: NapariDimensionMode = NapariDimensionMode.STACK
        z_index_mode: NapariDimensionMode = NapariDimensionMode.STACK
        channel_mode: NapariDimensionMode = NapariDimensionMode.SLICE

else:
    NapariDisplayConfig = display_config(DisplayConfiguration)
