"""The configuration in use: what a step, or a function within it, streams by without being told."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ._defaults import default_level
from ._inheritance import LEVELS, Level, origins, resolve_as, with_origins
from ._inheritance import level as named
from ._settings import Settings
from ._streaming import NapariStreamingConfig


class _InUse:
    """What is in use at one place; resolved once for as long as the defaults stay as they are."""

    def __init__(self, levels: tuple[Level, ...]) -> None:
        self.levels = levels
        self._resolved: tuple[Level, NapariStreamingConfig] | None = None

    def streaming(self) -> NapariStreamingConfig:
        innermost = self.levels[0].config if self.levels else None
        if isinstance(innermost, NapariStreamingConfig):
            return innermost
        defaults, resolved = default_level(), self._resolved
        if resolved is None or resolved[0] is not defaults:
            config = resolve_as(NapariStreamingConfig, (*self.levels, defaults))
            self._resolved = resolved = (defaults, config)
        return resolved[1]


_active: ContextVar[_InUse] = ContextVar("hcs_streaming", default=_InUse(()))  # noqa: B039  # it only remembers


def active_levels() -> tuple[Level, ...]:
    """Return what `use_streaming` put in use around here, the inner first."""
    return _active.get().levels


def active_streaming() -> NapariStreamingConfig:
    """Return the configuration in use, its unset fields inherited; without any, the global defaults.

    Raises:
        ConfigurationError: An ``HCS_…`` variable, or the file that ``$HCS_CONFIG`` names, is wrong.
    """
    return _active.get().streaming()


@contextmanager
def use_streaming(config: Settings | None, *, level: str | None = None) -> Iterator[NapariStreamingConfig]:
    """Put a configuration in use, in this thread or task; its unset fields inherit from the one around.

    Args:
        config: Lazy or not; None says nothing.
        level: As `explain` calls it; by default pipeline, within that step, and within that function.

    Raises:
        ConfigurationError: It is no configuration, or the environment is wrong.
    """
    around = active_levels()
    name = level or LEVELS[min(len(around), len(LEVELS) - 1)]
    token = _active.set(_InUse((_remembering(named(name, config)), *around)))
    try:
        yield active_streaming()
    finally:
        _active.reset(token)


def _remembering(level: Level) -> Level:
    """Return the level with a configuration that knows, for `explain`, which level that is."""
    config = level.config
    if not isinstance(config, NapariStreamingConfig) or origins(config):
        return level
    sources = dict.fromkeys(config.given(), f"the {level.name}")
    return Level(level.name, with_origins(dataclasses.replace(config), sources))
