"""The one configuration of a pipeline, and how it is read."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ._environment import Said, check_variables, config_file, from_environment
from ._errors import InvalidSettingError
from ._inheritance import STREAMING, Level, look_up, with_origins
from ._lazy import LazyNapariStreamingConfig
from ._pipeline_settings import PipelineSettings, said_in_file
from ._resolve import Streamings, resolve_all
from ._settings import checked
from ._streaming import NapariStreamingConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class PipelineConfig(PipelineSettings):
    """What holds for all steps of a pipeline, unless a step or a function says otherwise."""

    napari_streaming: Streamings = None
    """One viewer or several, each with filters of its own; None is none."""

    def __post_init__(self) -> None:
        object.__setattr__(self, STREAMING, _checked_streamings(self.napari_streaming))
        object.__setattr__(self, "workers", checked(type(self), "workers", self.workers))

    def explain(self, name: str) -> str:
        """Say a field's value and where it comes from: ``4, from HCS_WORKERS``.

        Raises:
            UnknownSettingError: There is no such field.
        """
        return str(look_up(type(self), name, [Level("pipeline", self)]))

    def streaming(
        self, step: Streamings = None, function: Streamings = None
    ) -> tuple[NapariStreamingConfig, ...]:
        """Return the configurations by which a step, or a function of it, streams, one for each viewer.

        Raises:
            ConfigurationError: As `hcs_stream.config.resolve_all`.
        """
        return resolve_all(function, step, self.napari_streaming)


def load_config(
    path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ
) -> PipelineConfig:
    """Return what the environment and a TOML file say.

    Its streaming configurations are lazy: what neither says is inherited, and code can say it on top:
    ``resolve_all(LazyNapariStreamingConfig(napari_port=5600), load_config())``.

    Args:
        path: Of the file; None is that of ``$HCS_CONFIG``, else none is read.
        environ: Variables ``HCS_…`` count more than the file, except where it has several viewers: what it
            says of each then counts more.

    Raises:
        ConfigurationError: A name is misspelt or a value cannot be, or ``$HCS_CONFIG`` names no file; the
            text says where it stands.
        OSError: The file cannot be read.
    """
    check_variables(environ)
    file = Path(path).expanduser() if path else config_file(environ)
    in_file, viewers = said_in_file(file) if file else (Said({}, {}), [])
    said = from_environment(PipelineConfig, environ).over(in_file)
    own_values = cast("dict[str, Any]", said.values)  # they are checked
    config = PipelineConfig(napari_streaming=_lazies(viewers, environ), **own_values)
    return with_origins(config, said.sources)


def _lazies(said: Sequence[Said], environ: Mapping[str, str]) -> Streamings:
    variables = from_environment(NapariStreamingConfig, environ)
    if len(said) > 1:
        return tuple(_lazy(one.over(variables)) for one in said)
    together = variables.over(said[0]) if said else variables
    return _lazy(together) if said or variables.values else None


def _lazy(said: Said) -> LazyNapariStreamingConfig:
    return with_origins(LazyNapariStreamingConfig(**said.values), said.sources)


def _checked_streamings(given: object) -> Streamings:
    several = given if isinstance(given, list | tuple) else [given]
    for one in several:
        if given is not None and not isinstance(one, NapariStreamingConfig | LazyNapariStreamingConfig):
            raise InvalidSettingError(STREAMING, "NapariStreamingConfig, its lazy twin, or several", one)
    return tuple(given) if isinstance(given, list | tuple) else given  # type: ignore[return-value]  # it is one
