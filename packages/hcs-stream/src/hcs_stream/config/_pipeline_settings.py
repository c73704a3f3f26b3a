"""What a file or the environment may say of a whole pipeline, and how the file is read."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from ._environment import Said
from ._file import from_table, read_toml, said_of_viewers
from ._inheritance import STREAMING
from ._settings import Check, Settings, check_names


def _wanted_workers(workers: int) -> str | None:
    return None if workers > 0 else "a number from 1 on"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PipelineSettings(Settings):
    """The settings, by name."""

    checks: ClassVar[Mapping[str, Check]] = {"workers": _wanted_workers}

    napari_streaming: object = None
    """`said_of_viewers` knows what it may be."""
    workers: int | None = None
    """How many processes or threads; None leaves it to the executor."""


def said_in_file(path: Path) -> tuple[Said, list[Said]]:
    """Return what a file says of a pipeline, and what of each of its viewers.

    Raises:
        ConfigurationError: A name is misspelt or a value cannot be; the text says where it stands.
        OSError: The file cannot be read.
    """
    tables = read_toml(path)
    check_names(PipelineSettings, tables, str(path))
    own = {name: value for name, value in tables.items() if name != STREAMING}
    return from_table(PipelineSettings, own, str(path)), said_of_viewers(tables, str(path))
