#!/usr/bin/env python3
"""Write hcs_stream's NapariColormap anew, from the installed napari's colormaps (--check only compares)."""

import sys
from pathlib import Path

FILE = Path(__file__).parents[1] / "packages/hcs-stream/src/hcs_stream/config/_colormaps.py"
HEAD = '''"""The colormaps that napari has; written by ``python .ci/napari_colormaps.py``."""

from enum import StrEnum


class NapariColormap(StrEnum):
    """A colormap of napari's, by its name there."""

'''


def module(colormaps: list[str]) -> str:
    """Return the module's text, a member for each name."""
    members = {name.upper().replace(" ", "_"): name for name in sorted(colormaps, key=str.casefold)}
    if odd := [member for member in members if not member.isidentifier()] or len(members) < len(colormaps):
        raise SystemExit(f"wanted names that make members of an enumeration, found {odd!r} in {colormaps!r}")
    return HEAD + "".join(f'    {member} = "{name}"\n' for member, name in members.items())


def main(arguments: list[str]) -> int:
    """Write the file, or say whether it is up to date."""
    from napari.utils.colormaps import AVAILABLE_COLORMAPS  # takes a second, and a test needs `module` alone

    wanted = module(list(AVAILABLE_COLORMAPS))
    if "--check" not in arguments:
        FILE.write_text(wanted, encoding="utf-8")
        return 0
    is_up_to_date = FILE.read_text(encoding="utf-8") == wanted
    print("up to date" if is_up_to_date else f"{FILE.name} is not: run python .ci/napari_colormaps.py")
    return not is_up_to_date


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
