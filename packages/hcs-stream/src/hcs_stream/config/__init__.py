"""What is streamed, where to and how it is shown: once for a pipeline, otherwise for a step or function."""

from ._active import active_streaming, use_streaming
from ._colormaps import NapariColormap
from ._display import (
    NapariDimensionMode,
    NapariDisplayConfig,
    NapariVariableSizeHandling,
    display_config,
)
from ._errors import (
    ConfigurationError,
    InvalidFilterError,
    InvalidSettingError,
    UnknownSettingError,
)
from ._filters import (
    ChannelFilter,
    StepFilter,
    WellFilter,
    channel_filter,
    step_filter,
    well_filter,
)
from ._inheritance import Inherited, Level
from ._lazy import (
    Lazy,
    LazyNapariDisplayConfig,
    LazyNapariStreamingConfig,
    LazyStreamingConfig,
    lazy_twin,
)
from ._pipeline_config import PipelineConfig, load_config
from ._resolve import Streamings, resolve, resolve_all
from ._settings import UNSET
from ._streaming import NapariStreamingConfig, StreamingConfig

__all__ = [
    "UNSET",
    "ChannelFilter",
    "ConfigurationError",
    "Inherited",
    "InvalidFilterError",
    "InvalidSettingError",
    "Lazy",
    "LazyNapariDisplayConfig",
    "LazyNapariStreamingConfig",
    "LazyStreamingConfig",
    "Level",
    "NapariColormap",
    "NapariDimensionMode",
    "NapariDisplayConfig",
    "NapariStreamingConfig",
    "NapariVariableSizeHandling",
    "PipelineConfig",
    "StepFilter",
    "StreamingConfig",
    "Streamings",
    "UnknownSettingError",
    "WellFilter",
    "active_streaming",
    "channel_filter",
    "display_config",
    "lazy_twin",
    "load_config",
    "resolve",
    "resolve_all",
    "step_filter",
    "use_streaming",
    "well_filter",
]
