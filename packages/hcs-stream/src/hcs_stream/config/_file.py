"""Settings that a TOML file says."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from ._environment import Said, means_none
from ._errors import ConfigurationError
from ._inheritance import STREAMING
from ._settings import Settings, check_names, checked, hints
from ._streaming import NapariStreamingConfig


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


def said_of_viewers(said: Mapping[str, object], file: str) -> list[Said]:
    """Return what the tables ``[napari_streaming]`` of a file say, one or several.

    Raises:
        ConfigurationError: Something else has this name, or a table says what cannot be.
    """
    match said.get(STREAMING, []):
        case dict() as table:
            return [from_table(NapariStreamingConfig, table, file, f"[{STREAMING}]")]
        case [*found] if len(tables := [table for table in found if isinstance(table, dict)]) == len(found):
            return [
                from_table(NapariStreamingConfig, table, file, f"[[{STREAMING}]] {number}")
                for number, table in enumerate(tables, start=1)
            ]
        case found:
            raise ConfigurationError(f"{file}: wanted a table [{STREAMING}], or several, found {found!r}")


def from_table(config: type[Settings], table: Mapping[str, object], file: str, heading: str = "") -> Said:
    """Return what a table says of a configuration; the text ``"none"`` is None where that can be.

    Raises:
        UnknownSettingError: There is no such setting; the text says which was meant.
        InvalidSettingError: A setting cannot have this value.
    """
    place = f"{file}, {heading}" if heading else file
    check_names(config, table, place)
    said = Said({}, {})
    for name, given in table.items():
        is_none = isinstance(given, str) and means_none(given, hints(config)[name])
        said.values[name] = checked(config, name, None if is_none else given, place)
        said.sources[name] = file
    return said
