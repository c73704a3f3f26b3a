"""What an exported ImageXpress plate's `.HTD` file says about its channels."""

import re
from collections.abc import Iterable
from pathlib import Path

_WAVE_NAME = re.compile(r'^"WaveName(\d+)",\s*"([^"]+)"', re.MULTILINE)


def channel_names(paths: Iterable[Path]) -> dict[str, str]:
    """Return the name of each channel by its number.

    Args:
        paths: Files of the plate; the first ``.HTD`` among them is read.

    Returns:
        Empty without such a file, or if the names do not tell channels apart: two are the same, or one is
        another channel's number.
    """
    for path in paths:
        if path.suffix.lower() == ".htd":
            names = dict(_WAVE_NAME.findall(path.read_text(encoding="latin-1")))
            tell_apart = len(set(names.values())) == len(names)
            return names if tell_apart and not any(name.isdecimal() for name in names.values()) else {}
    return {}


def format_htd(names: dict[str, str]) -> str:
    """Write down the names of channels as an exported plate does; `channel_names` reads them back."""
    waves = [f'"WaveName{number}", "{name}"' for number, name in names.items()]
    lines = ['"HTSInfoFile", Version 1.0', f'"NWavelengths", {len(names)}', *waves, '"EndFile"']
    return "\r\n".join(lines) + "\r\n"
