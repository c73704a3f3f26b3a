"""Lazy twins: the same fields, each unset until it is said, and inherited until then."""

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ._active import active_levels
from ._defaults import default_level
from ._display import NapariDisplayConfig
from ._inheritance import Explained, Inherited, Level, levels, look_up, resolve_as
from ._settings import UNSET, Settings, checked, hints
from ._streaming import NapariStreamingConfig, StreamingConfig


class Lazy(Explained):
    """The base of lazy twins; ``outer`` are the levels around, the inner first, else those in use."""

    concrete: ClassVar[type[Settings]]
    """Of which configuration this is the twin."""

    def __post_init__(self) -> None:
        for name, value in self.given().items():
            object.__setattr__(self, name, checked(self.concrete, name, value))

    def resolve(self, *outer: Settings | Level | None) -> Any:
        """Return the concrete configuration that this one is within others."""
        return resolve_as(self.concrete, self._levels(outer))

    def explain(self, name: str, *outer: Settings | Level | None) -> str:
        """Say a field's value and where it comes from: ``5555, from the pipeline``.

        Raises:
            UnknownSettingError: There is no such field.
        """
        return str(look_up(self.concrete, name, self._levels(outer)))

    def placeholder(self, name: str, *outer: Settings | Level | None) -> Inherited:
        """Return what a field would be if it were unset, for a window to show in its place.

        Raises:
            UnknownSettingError: There is no such field.
        """
        return look_up(self.concrete, name, self._levels(outer)[1:])

    def placeholders(self, *outer: Settings | Level | None) -> dict[str, Inherited]:
        """Return what each unset field inherits."""
        around, given = self._levels(outer)[1:], self.given()
        return {
            name: look_up(self.concrete, name, around) for name in hints(self.concrete) if name not in given
        }

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.given().items())
        return f"{type(self).__name__}({said})"

    def _levels(self, outer: tuple[Settings | Level | None, ...]) -> tuple[Level, ...]:
        around = outer or active_levels()
        return (*levels((self, *around)), default_level())


def lazy_twin(concrete: type[Settings]) -> type[Lazy]:
    """Make the lazy twin of a configuration: the same fields, all unset by default."""
    name = f"Lazy{concrete.__name__}"
    made = dataclasses.make_dataclass(
        name,
        [(field, hint, dataclasses.field(default=UNSET)) for field, hint in hints(concrete).items()],
        bases=(Lazy,),
        frozen=True,
        kw_only=True,
        repr=False,
        namespace={
            "__doc__": f"`{concrete.__name__}` whose unset fields are inherited.",
            "concrete": concrete,
        },
    )
    made.__module__ = concrete.__module__
    return made


if TYPE_CHECKING:

    class LazyStreamingConfig(Lazy):
        """What `lazy_twin` makes, as a type checker needs to see it: any field, each by its name."""

        def __init__(self, **settings: object) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

    class LazyNapariDisplayConfig(LazyStreamingConfig):
        """Likewise."""

    class LazyNapariStreamingConfig(LazyStreamingConfig):
        """Likewise."""

        def resolve(self, *outer: Settings | Level | None) -> NapariStreamingConfig: ...

else:
    LazyStreamingConfig = lazy_twin(StreamingConfig)
    LazyNapariDisplayConfig = lazy_twin(NapariDisplayConfig)
    LazyNapariStreamingConfig = lazy_twin(NapariStreamingConfig)
    for _twin in (LazyStreamingConfig, LazyNapariDisplayConfig, LazyNapariStreamingConfig):
        _twin.__module__ = __name__  # where pickle finds them
