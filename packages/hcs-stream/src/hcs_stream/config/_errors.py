"""What can be wrong with a configuration.

HcsError
└── ConfigurationError (ValueError)         some setting is wrong; the text says where it stands
    ├── UnknownSettingError (TypeError)     there is no setting of this name
    ├── InvalidSettingError                 a setting cannot have this value
    └── InvalidFilterError                  a filter selects nothing that there can be
"""

from collections.abc import Iterable
from difflib import get_close_matches

from hcs_protocol import HcsError


class ConfigurationError(HcsError, ValueError):
    """Some setting is wrong; the text says where it stands and what was wanted."""


class UnknownSettingError(ConfigurationError, TypeError):
    """There is no setting of this name."""

    def __init__(self, name: str, known: tuple[str, ...], place: str = "") -> None:
        super().__init__(name, known, place)
        self.name = name
        self.known = known
        self.place = place

    def __str__(self) -> str:
        return f"{_at(self.place)}{advice(self.name, self.known)}"


class InvalidSettingError(ConfigurationError):
    """A setting cannot have this value."""

    def __init__(self, name: str, wanted: str, found: object, place: str = "") -> None:
        super().__init__(name, wanted, found, place)
        self.name = name
        self.wanted = wanted
        self.found = found
        self.place = place

    def __str__(self) -> str:
        return f"{_at(self.place)}wanted as {self.name} {self.wanted}, found {self.found!r}"


class InvalidFilterError(ConfigurationError):
    """A filter selects nothing that there can be."""

    def __init__(self, component: str, wanted: str, found: object) -> None:
        super().__init__(component, wanted, found)
        self.component = component
        self.wanted = wanted
        self.found = found

    def __str__(self) -> str:
        return f"wanted {self.wanted} to select a {self.component}, found {self.found!r}"


def advice(name: str, known: Iterable[str]) -> str:
    """Say which of the known names was meant, or list them all."""
    known = sorted(known)
    if close := closest(name, known):
        return f"there is no {name!r}: did you mean {close!r}?"
    return f"there is no {name!r}: wanted one of {', '.join(known)}"


def closest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name that is most like this one, whatever its case; None if none is."""
    by_folded = {one.casefold(): one for one in known}
    found = get_close_matches(name.casefold(), by_folded, n=1, cutoff=cutoff)
    return by_folded[found[0]] if found else None


def _at(place: str) -> str:
    return f"{place}: " if place else ""
