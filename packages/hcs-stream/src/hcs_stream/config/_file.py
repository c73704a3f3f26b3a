"""Settings that a TOML file says."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from ._environment import NOTHING, STREAMING, Said
from ._errors import ConfigurationError
from ._settings import Settings, check_names, checked, hints, may_be_none


def read_toml(path: Path) -> dict[str, object]:
    """Return what a file says.

    Raises:
        OSError: It cannot be read.
        ConfigurationError: It is no TOML; the text says the line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: wanted TOML, found {error}") from error


def streaming_tables(path: Path, said: Mapping[str, object]) -> list[tuple[str, Mapping[str, object]]]:
    """Return the tables ``[napari_streaming]``, one or several, and where each stands.

    Raises:
        ConfigurationError: There is something else of this name.
    """
    match said.get(STREAMING, []):
        case Mapping() as table:
            return [(f"{path}, [{STREAMING}]", table)]
        case [*tables] if all(isinstance(table, Mapping) for table in tables):
            return [(f"{path}, [[{STREAMING}]] {n}", table) for n, table in enumerate(tables, start=1)]
        case found:
            raise ConfigurationError(f"{path}: wanted a table [{STREAMING}], or several, found {found!r}")


def from_table(config: type[Settings], table: Mapping[str, object], place: str) -> Said:
    """Return what a table says of a configuration; the text ``"none"`` is None where that can be.

    Raises:
        UnknownSettingError: There is no such setting; the text says which was meant.
        InvalidSettingError: A setting cannot have this value.
    """
    check_names(config, table, place)
    said = Said({}, {})
    for name, given in table.items():
        is_none = isinstance(given, str) and given.casefold() == NOTHING and may_be_none(hints(config)[name])
        said.values[name] = checked(config, name, None if is_none else given, place)
        said.sources[name] = place.partition(",")[0]
    return said
