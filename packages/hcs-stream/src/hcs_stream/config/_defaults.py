"""The global defaults: the environment, over the file that ``$HCS_CONFIG`` names."""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

from ._environment import CONFIG, PREFIX, Said, check_variables, from_environment
from ._file import from_table, read_toml, streaming_tables
from ._inheritance import ORIGINS, Level
from ._streaming import NapariStreamingConfig


def default_level(environ: Mapping[str, str] = os.environ) -> Level:
    """Return what is said for all pipelines of this process.

    Raises:
        ConfigurationError: A variable or the file is wrong.
        OSError: The file cannot be read.
    """
    variables = frozenset((name, text) for name, text in environ.items() if name.startswith(PREFIX))
    path = environ.get(CONFIG)
    stamp = Path(path).stat() if path else None
    return _default_level(variables, stamp and (stamp.st_mtime_ns, stamp.st_size))


@lru_cache(4)
def _default_level(variables: frozenset[tuple[str, str]], stamp: tuple[int, int] | None) -> Level:
    environ = dict(variables)
    check_variables(environ)
    said = from_environment(NapariStreamingConfig, environ).over(_from_file(environ.get(CONFIG)))
    return Level("environment", SimpleNamespace(**said.values, **{ORIGINS: said.sources}))


def _from_file(path: str | None) -> Said:
    tables = streaming_tables(Path(path), read_toml(Path(path))) if path else []
    if len(tables) != 1:
        return Said({}, {})  # what is said of several viewers is said of none in general
    [(place, table)] = tables
    return from_table(NapariStreamingConfig, table, place)
