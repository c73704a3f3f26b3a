"""What every configuration class has: names that are checked, and values that are.

A value may be said as a person writes it: ``"stack"`` or ``"STACK"`` for a mode, a list for a tuple.
"""

import dataclasses
from collections.abc import Callable, Mapping
from enum import Enum
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    NamedTuple,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec
import numpy as np

from ._errors import InvalidSettingError, UnknownSettingError, closest

Check: TypeAlias = Callable[[Any], str | None]

UNSET = msgspec.UNSET
"""Of a lazy configuration's field: nothing was said, the value is inherited. None is a value."""


class Settings:
    """The base of configurations: frozen dataclasses that refuse unknown names and impossible values."""

    checks: ClassVar[Mapping[str, Check]] = {}
    """Of some fields, what says what was wanted instead of a value of the right type that cannot be."""

    if not TYPE_CHECKING:  # a type checker knows the names

        def __new__(cls, *args: object, **settings: object) -> "Settings":
            check_names(cls, settings)
            return super().__new__(cls)

    def __post_init__(self) -> None:
        for name in hints(type(self)):
            object.__setattr__(self, name, checked(type(self), name, getattr(self, name)))

    def __getstate__(self) -> dict[str, object]:
        """Leave out what is not set: pickle would look for `UNSET` in all modules, and find the caller's."""
        return {name: value for name, value in vars(self).items() if value is not UNSET}

    def given(self) -> dict[str, object]:
        """Return the fields that are set, None among them; of a configuration that is not lazy, all."""
        return {name: value for name in hints(type(self)) if (value := getattr(self, name)) is not UNSET}


def hints(config: type[Settings]) -> dict[str, object]:
    """Return name and type of each field."""
    return _described(config).hints


def default(config: type[Settings], name: str) -> object:
    """Return a field's default."""
    field = _described(config).fields[name]
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def check_names(config: type[Settings], settings: Mapping[str, object], place: str = "") -> None:
    """Refuse names that are no fields of this configuration.

    Raises:
        UnknownSettingError: One is none; the text says which was meant.
    """
    for name in settings:
        if name not in hints(config):
            raise UnknownSettingError(name, tuple(hints(config)), place)


def checked(config: type[Settings], name: str, given: object, place: str = "") -> object:
    """Return a value as its field has it.

    Raises:
        InvalidSettingError: The field cannot have it; the text says what was wanted.
    """
    value = _converted(name, given, hints(config)[name], place)
    check = _described(config).checks.get(name)
    if check is not None and value is not None and (instead := check(value)):
        raise InvalidSettingError(name, instead, given, place)
    return value


def enum_of(hint: object) -> type[Enum] | None:
    """Return the enumeration among a field's types."""
    found = (kind for kind in kinds(hint) if isinstance(kind, type) and issubclass(kind, Enum))
    return next(found, None)


def may_be_none(hint: object) -> bool:
    """Say whether a field's types include None."""
    return type(None) in get_args(hint)


def wanted(hint: object) -> str:
    """Say in words what a field takes."""
    said = [_WORDS.get(kind) or _in_words(kind) for kind in kinds(hint)]
    return " or ".join(dict.fromkeys(said))


class _Described(NamedTuple):
    fields: dict[str, dataclasses.Field[object]]
    hints: dict[str, object]
    checks: dict[str, Check]


_known: dict[type, _Described] = {}


def _described(config: type[Settings]) -> _Described:
    """Return what a configuration has and what it inherits; worked out once."""
    found = _known.get(config)
    if found is None:
        hints = get_type_hints(config)
        checks: dict[str, Check] = {}
        for part in reversed(config.__mro__):
            checks |= vars(part).get("checks", {})
        fields = {field.name: field for field in dataclasses.fields(config)}  # type: ignore[arg-type]  # it is one
        found = _Described(fields, {name: hints[name] for name in fields}, checks)
        _known[config] = found
    return found


def _converted(name: str, given: object, hint: object, place: str) -> object:
    choices = enum_of(hint)
    if choices is not None and isinstance(given, str):
        return _member(name, given, choices, place)
    plain = _plain(given)
    if any(isinstance(kind, type) and type(plain) is kind for kind in kinds(hint)):
        return plain
    try:
        value = msgspec.convert(plain, hint, strict=True)
    except msgspec.ValidationError as error:
        raise InvalidSettingError(name, wanted(hint), given, place) from error
    return tuple(value) if isinstance(value, list) else value  # which can be hashed


_WORDS: Mapping[object, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    type(None): "nothing",
}


def _in_words(kind: object) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(str(member.value) for member in kind)
    if isinstance(kind, type):
        return f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}"
    values = get_args(kind)
    if values and all(isinstance(value, str) for value in values):
        return "one of " + ", ".join(values)
    if values == (float, float):
        return "two numbers"
    return "a list"


def _plain(given: object) -> object:
    """Return NumPy's scalars as Python's, and sets in an order."""
    if isinstance(given, np.generic):
        return given.item()
    if isinstance(given, set | frozenset):
        return sorted(given, key=str)
    return [_plain(item) for item in given] if isinstance(given, list | tuple) else given


def _member(name: str, given: str, choices: type[Enum], place: str) -> Enum:
    by_text: dict[str, Enum] = {}
    for member in choices:
        by_text |= {str(member.value).casefold(): member, member.name.casefold(): member}
    found = by_text.get(given.strip().casefold())
    if found is not None:
        return found
    values = [str(member.value) for member in choices]
    close = closest(given, values)
    meant = f" (did you mean {close!r}?)" if close else ""
    raise InvalidSettingError(name, f"one of {', '.join(values)}{meant}", given, place)


def kinds(hint: object) -> tuple[object, ...]:
    """Return the types of a union, or the one type."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
