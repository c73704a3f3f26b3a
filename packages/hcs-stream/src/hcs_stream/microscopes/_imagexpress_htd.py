"""What an exported ImageXpress plate's `.HTD` file says about its channels."""

import re
from collections.abc import Sequence
from pathlib import Path

_WAVE_NAME = re.compile(r'^"WaveName(\d+)",\s*"([^"]+)"', re.MULTILINE | re.ASCII)


def channel_names(paths: Sequence[Path]) -> dict[str, str]:
    """Return the name of each channel by its number, if several files agree on it.

    Raises:
        OSError: A file cannot be read.
    """
    agreed: dict[str, set[str]] = {}
    for path in paths:
        for number, name in _WAVE_NAME.findall(path.read_text(encoding="latin-1")):
            agreed.setdefault(str(int(number)), set()).add(name)
    return {number: names.pop() for number, names in agreed.items() if len(names) == 1}


def format_htd(names: dict[str, str]) -> str:
    """Write down the names of channels as an exported plate does; `open_plate` reads them back."""
    waves = [f'"WaveName{number}", "{name}"' for number, name in names.items()]
    lines = ['"HTSInfoFile", Version 1.0', f'"NWavelengths", {len(names)}', *waves, '"EndFile"']
    return "\r\n".join(lines) + "\r\n"
