"""From what function, step and pipeline say to the configurations that images are streamed by."""

from collections.abc import Sequence
from typing import TypeAlias, cast

from ._defaults import default_level
from ._errors import ConfigurationError
from ._inheritance import Level, levels, resolve_as, viewers_of
from ._lazy import Lazy, LazyNapariStreamingConfig
from ._settings import Settings
from ._streaming import NapariStreamingConfig

Streaming: TypeAlias = NapariStreamingConfig | LazyNapariStreamingConfig
Streamings: TypeAlias = Streaming | Sequence[Streaming] | None
"""What a pipeline, a step or a function may say: one viewer, several, or nothing."""
_Chain: TypeAlias = tuple[Settings | None, ...]


def resolve(*inner_first: Settings | Level | None) -> NapariStreamingConfig:
    """Return the configuration that these make, each field as the innermost that sets it has it.

    What none sets comes from the environment, the file of ``$HCS_CONFIG``, or is the default.

    Args:
        *inner_first: Function, step, pipeline, or the last of these; None says nothing. A `PipelineConfig`
            stands for its viewer.

    Raises:
        ConfigurationError: One is no configuration, or the environment or the file is wrong.
    """
    named = levels(inner_first)
    return resolve_as(_kind(named), (*named, default_level()))


def resolve_all(*inner_first: Streamings | Settings) -> tuple[NapariStreamingConfig, ...]:
    """Return the configurations that these make where each may say several viewers.

    A lazy configuration applies to each viewer of the level around it, a concrete one stands in their place.
    Several do likewise: the first within the first of those around, and so on.

    Args:
        *inner_first: Function, step, pipeline, or the last of these; None says nothing. A `PipelineConfig`
            stands for its viewers.

    Raises:
        ConfigurationError: As `resolve`, or several lazy ones stand within another number of viewers.
    """
    chains: list[_Chain] = []
    for depth, said in enumerate(reversed(inner_first)):
        chains = _within(chains, viewers_of(said), depth)
    return tuple(resolve(*chain) for chain in chains)


def _within(chains: list[_Chain], said: object, depth: int) -> list[_Chain]:
    match said:
        case None:
            return [(None, *chain) for chain in chains]
        case Lazy() if chains:
            return [(said, *chain) for chain in chains]
        case Settings():
            return [_new(said, depth)]
        case [*several]:
            return _each(chains, cast("Sequence[Settings]", several), depth)  # `resolve` refuses others
        case _:
            raise ConfigurationError(f"wanted a configuration, several or None, found {said!r}")


def _each(chains: list[_Chain], said: Sequence[Settings], depth: int) -> list[_Chain]:
    if not chains or not any(isinstance(one, Lazy) for one in said):
        return [_new(one, depth) for one in said]
    if len(chains) == 1:
        return [(one, *chains[0]) for one in said]
    if len(said) != len(chains):
        wanted = f"one configuration, or as many as the {len(chains)} around it"
        raise ConfigurationError(f"wanted {wanted}, found {len(said)}")
    return [(one, *chain) for one, chain in zip(said, chains, strict=True)]


def _new(said: Settings, depth: int) -> _Chain:
    return (said, *[None] * depth)


def _kind(named: Sequence[Level]) -> type[NapariStreamingConfig]:
    """Return the class of the innermost that is a streaming configuration to napari."""
    for level in named:
        config = level.config
        kind = config.concrete if isinstance(config, Lazy) else type(config)
        if issubclass(kind, NapariStreamingConfig):
            return kind
    return NapariStreamingConfig
