"""The last lines of what viewers and those who started them wrote, also of viewers that are gone."""

import os
from pathlib import Path

import platformdirs

MOST_NBYTES = 1 << 18


def last_lines(data_port: int, lines: int) -> str:
    """Return the end of the newest log of the viewer that was asked for this port; "" if there is none."""
    folder = platformdirs.user_log_path("hcs")
    logs = [
        path for path in (folder / f"viewer-{data_port}.{end}" for end in ("log", "out")) if path.is_file()
    ]
    if not logs:
        return ""
    newest = max(logs, key=lambda path: path.stat().st_mtime)
    return "\n".join(_end_of(newest).splitlines()[-lines:])


def _end_of(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - MOST_NBYTES))
        return file.read().decode(errors="replace")
