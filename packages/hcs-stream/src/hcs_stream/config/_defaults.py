"""The global defaults: the environment, over the file that ``$HCS_CONFIG`` names."""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

from ._environment import PREFIX, Said, check_variables, config_file, from_environment
from ._inheritance import ORIGINS, Level
from ._pipeline_settings import said_in_file
from ._streaming import NapariStreamingConfig


def default_level(environ: Mapping[str, str] = os.environ) -> Level:
    """Return what is said for all pipelines of this process.

    Raises:
        ConfigurationError: A variable or the file is wrong, or the file is not there.
        OSError: The file cannot be read.
    """
    variables = frozenset((name, text) for name, text in environ.items() if name.startswith(PREFIX))
    path = config_file(environ)
    stamp = path.stat() if path else None
    return _default_level(variables, stamp and (stamp.st_mtime_ns, stamp.st_size))


@lru_cache(4)
def _default_level(variables: frozenset[tuple[str, str]], stamp: tuple[int, int] | None) -> Level:
    environ = dict(variables)
    check_variables(environ)
    said = from_environment(NapariStreamingConfig, environ).over(_from_file(config_file(environ)))
    return Level("environment", SimpleNamespace(**said.values, **{ORIGINS: said.sources}))


def _from_file(path: Path | None) -> Said:
    if path is None:
        return Said({}, {})
    _, viewers = said_in_file(path)
    return viewers[0] if len(viewers) == 1 else Said({}, {})  # what is said of several holds for none other
