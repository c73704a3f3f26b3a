"""How many bytes are free, so that neither a device fills up nor a container is killed."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def chosen_nbytes(variable: str) -> int | None:
    """Return a number of bytes from the environment, or None.

    Raises:
        ValueError: It is no number of bytes.
    """
    chosen = os.environ.get(variable, "")
    if chosen and not (chosen.isascii() and chosen.isdecimal()):
        raise ValueError(f"wanted {variable} as a number of bytes, got {chosen!r}")
    return int(chosen) if chosen else None


def memory_headroom(folder: Path) -> int:
    """Return how many bytes are free in a folder of memory, and in our control group, which pays for it."""
    return min(disk_headroom(folder), cgroup_headroom())


def disk_headroom(folder: Path) -> int:
    """Return how many bytes are free in a folder."""
    return shutil.disk_usage(folder).free


def cgroup_headroom(root: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> int:
    """Return how many bytes our control group and those above it leave us, cached files counted as free."""
    return min((room for group in _groups(root, membership) for room in _rooms(group)), default=sys.maxsize)


def _groups(root: Path, membership: Path) -> Iterator[Path]:
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = membership.read_text("utf-8").splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in {"", "memory"}:
            top = root / controllers  # all that a container may see of a path outside of it
            group = Path(os.path.normpath(top / path.lstrip("/")))
            yield from {top, *(folder for folder in (group, *group.parents) if folder.is_relative_to(top))}


def _rooms(group: Path) -> Iterator[int]:
    for limit, usage in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError):  # not this version of cgroups, or "max"
            room = int((group / limit).read_text()) - int((group / usage).read_text())
            yield max(0, room + _cached(group))


def _cached(group: Path) -> int:
    lines = (line.split() for line in (group / "memory.stat").read_text().splitlines())
    return sum(int(nbytes) for name, nbytes in lines if name in {"inactive_file", "active_file"})
