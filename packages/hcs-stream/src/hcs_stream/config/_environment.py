"""Settings that ``HCS_…`` variables say."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, get_args

from ._errors import ConfigurationError, InvalidSettingError, UnknownSettingError, closest
from ._inheritance import STREAMING
from ._settings import Settings, checked, enum_of, hints, kinds, may_be_none, wanted
from ._streaming import NapariStreamingConfig

PREFIX = "HCS_"
CONFIG = "HCS_CONFIG"
WORKERS = "HCS_WORKERS"
OTHER_NAMES: Mapping[str, str] = {"HCS_DATA_PORT": "napari_port"}
"""Variables that say a field of another name, where the one of its own name does not."""
OTHERS = frozenset(
    {
        "HCS_EXIT_TIMEOUT",
        "HCS_GPU_PINNED",
        "HCS_PARENTS",
        "HCS_PATH_MAP",
        "HCS_REMOTE_STREAM",
        "HCS_REMOTE_VIEWER",
        "HCS_RUN",
        "HCS_RUNTIME_DIR",
        "HCS_SHM_BUDGET",
        "HCS_SHM_DIR",
        "HCS_SHM_HUGE_PAGES",
        "HCS_SPILL_BUDGET",
        "HCS_SPILL_DIR",
        "HCS_SSH",
        "HCS_VIEWER_BUDGET_MILLISECONDS",
        "HCS_VIEWER_FOLLOW",
        "HCS_VIEWER_FRAME_MILLISECONDS",
        "HCS_VIEWER_MEMORY",
        "HCS_VIEWER_SPARE",
    }
)
"""Variables of ours that are no settings of a pipeline."""
LIKENESS = 0.82
"""From here on a name is one of ours, misspelt; a laboratory may have others, ``HCS_DATA_DIR``."""
NOTHING = "none"
_YES_OR_NO = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(
    ("0", "false", "no", "off"), False
)


class Said(NamedTuple):
    """What a file or the environment says: values by field, and where each of them stands."""

    values: dict[str, object]
    sources: dict[str, str]

    def over(self, other: "Said") -> "Said":
        """Return both together; where they differ, this one counts."""
        return Said(other.values | self.values, other.sources | self.sources)


def variables(config: type[Settings]) -> dict[str, str]:
    """Return the variables that say fields of this configuration, and which; later ones count more."""
    named = {name: field for name, field in OTHER_NAMES.items() if field in hints(config)}
    return named | {PREFIX + field.upper(): field for field in hints(config) if field != STREAMING}


def config_file(environ: Mapping[str, str]) -> Path | None:
    """Return the file that ``$HCS_CONFIG`` names; None if it names none.

    Raises:
        ConfigurationError: It is not there.
    """
    named = environ.get(CONFIG, "").strip()
    if not named:
        return None
    file = Path(named).expanduser()
    if not file.is_file():
        raise ConfigurationError(f"{CONFIG}: wanted a file, found none at {str(file)!r}")
    return file


def from_environment(config: type[Settings], environ: Mapping[str, str]) -> Said:
    """Return what the environment says of a configuration; an empty variable says nothing.

    Raises:
        InvalidSettingError: A variable's value cannot be.
    """
    said = Said({}, {})
    for variable, field in variables(config).items():
        if text := environ.get(variable, "").strip():
            value = from_text(field, text, hints(config)[field], variable)
            said.values[field] = checked(config, field, value, variable)
            said.sources[field] = variable
    return said


def check_variables(environ: Mapping[str, str]) -> None:
    """Refuse variables whose names are nearly those of ours.

    Raises:
        UnknownSettingError: One is; the text says which was meant.
    """
    known = {*variables(NapariStreamingConfig), CONFIG, WORKERS, *OTHERS}
    endings = [name.removeprefix(PREFIX) for name in known]
    for name in environ:
        is_ours = name.startswith(PREFIX) and name not in known
        if is_ours and closest(name.removeprefix(PREFIX), endings, LIKENESS):
            raise UnknownSettingError(name, tuple(known), "environment")


def means_none(text: str, hint: object) -> bool:
    """Say whether a text means None; where it is a word that the field takes, it means that."""
    words = [word for kind in kinds(hint) for word in get_args(kind)]
    return may_be_none(hint) and text.casefold() == NOTHING and NOTHING not in words


def from_text(name: str, text: str, hint: object, place: str) -> object:
    """Return the value that a text says, as `checked` takes it.

    Raises:
        InvalidSettingError: It is no truth value, number or pair of numbers where one was wanted.
    """
    if means_none(text, hint):
        return None
    if str in kinds(hint) or enum_of(hint) is not None:
        return text
    try:
        return _plain(text, hint)
    except (ValueError, KeyError) as error:
        raise InvalidSettingError(name, wanted(hint), text, place) from error


def _plain(text: str, hint: object) -> object:
    if bool in kinds(hint):
        return _YES_OR_NO[text.casefold()]
    if int in kinds(hint):
        return int(text)
    if tuple[float, float] in kinds(hint):
        return tuple(float(part) for part in text.split(","))
    return text
