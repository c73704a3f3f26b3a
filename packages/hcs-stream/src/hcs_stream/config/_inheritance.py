"""Where a field's value comes from: function ← step ← pipeline ← global defaults, resolved at use."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from ._errors import ConfigurationError
from ._settings import UNSET, Settings, check_names, default, hints

LEVELS = ("pipeline", "step", "function")
"""From outside in."""
DEFAULTS = "the defaults"
ORIGINS = "_origins"
STREAMING = "napari_streaming"

SettingsT = TypeVar("SettingsT", bound=Settings)


class Level(NamedTuple):
    """What one level says; None, and a lazy configuration's unset fields, say nothing."""

    name: str
    """``"step"``, as `explain` says it."""
    config: object
    """A configuration, or a namespace of what is said; it may have a field's name or not."""


class Inherited(NamedTuple):
    """A field's value and where it comes from; its text is ``5555, from the pipeline``."""

    value: object
    source: str

    def __str__(self) -> str:
        return f"{self.value}, from {self.source}"


class Explained(Settings):
    """A configuration that says where its values come from."""

    def explain(self, name: str, *outer: "Settings | Level | None") -> str:
        """Say a field's value and where it comes from: ``5555, from the pipeline``.

        Args:
            name: Of the field.
            *outer: The levels around, the inner first, by which this one is a step's or a function's.

        Raises:
            UnknownSettingError: There is no such field.
        """
        return str(look_up(type(self), name, levels((self, *outer))))


def levels(configs: Sequence[Settings | Level | None]) -> tuple[Level, ...]:
    """Name configurations, the inner first, by counting from outside: pipeline, step, function."""
    named: list[Level] = []
    for place, config in enumerate(reversed(configs)):
        name = LEVELS[min(place, len(LEVELS) - 1)]
        named.append(config if isinstance(config, Level) else level(name, config))
    return tuple(reversed(named))


def level(name: str, config: object) -> Level:
    """Return a level of which this is the configuration; that of a pipeline stands for its viewer.

    Raises:
        ConfigurationError: It is none, or a pipeline's with several viewers.
    """
    one = viewers_of(config)
    if one is None or isinstance(one, Settings):
        return Level(name, one)
    raise ConfigurationError(f"wanted one configuration or None, found {one!r}")


def viewers_of(config: object) -> object:
    """Return what a pipeline's configuration says of its viewers, and any other as it is."""
    return getattr(config, STREAMING, config)


def look_up(kind: type[Settings], name: str, inner_first: Sequence[Level]) -> Inherited:
    """Return a field's value: that of the innermost level that says one, else the default.

    Raises:
        UnknownSettingError: There is no such field.
    """
    check_names(kind, {name: None})
    for level in inner_first:
        value = getattr(level.config, name, UNSET)
        if value is not UNSET:
            return Inherited(value, origins(level.config).get(name, f"the {level.name}"))
    return Inherited(default(kind, name), DEFAULTS)


def resolve_as(kind: type[SettingsT], inner_first: Sequence[Level]) -> SettingsT:
    """Return a configuration of this kind, each field as the innermost level that says it has it."""
    found = {name: look_up(kind, name, inner_first) for name in hints(kind)}
    made = kind(**{name: inherited.value for name, inherited in found.items()})
    return with_origins(made, {name: inherited.source for name, inherited in found.items()})


def origins(config: object) -> Mapping[str, str]:
    """Return, of fields that came from elsewhere, from where."""
    found: Mapping[str, str] = vars(config).get(ORIGINS, {})
    return found


def with_origins(config: SettingsT, sources: Mapping[str, str]) -> SettingsT:
    """Note where fields came from; two configurations with the same values stay equal."""
    object.__setattr__(config, ORIGINS, dict(sources))
    return config
