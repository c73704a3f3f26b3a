"""How much memory a viewer may take: what a user says, and what the machine has."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

DEFAULT_MEMORY = "25%"
LEAST_NBYTES = 64 << 20
"""Of a budget: a few images have to fit."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(%|[KMGT]?(?:i?B)?)", re.IGNORECASE)
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def machine_nbytes(root: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> int:
    """Return the bytes of memory of this machine, or of the part of it that our control group may take."""
    limits = [psutil.virtual_memory().total]
    for path in _limits(root, membership):
        with suppress(OSError, ValueError):  # not this version of cgroups, or "max"
            limits.append(int(path.read_text()))
    return min(limits)


def resident_nbytes() -> int:
    """Return the bytes of memory that this process is seen to take: programs and workers' blocks, too."""
    return int(psutil.Process().memory_info().rss)


def memory_nbytes(text: str, whole: Callable[[], int] = machine_nbytes) -> int:
    """Return how many bytes ``4G``, ``500M``, ``4GiB`` or ``25%`` are; G and GiB mean the same.

    Raises:
        ValueError: It is none of these, or too little.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"wanted memory as 4G, 500M or 25%, got {text!r}")
    number, unit = float(found[1]), found[2].upper().rstrip("IB")
    if unit == "%" and not 0 < number <= 100:
        raise ValueError(f"wanted from 1% to 100% of the memory, got {text!r}")
    nbytes = int(whole() * number / 100) if unit == "%" else int(number * (1 << _UNITS[unit]))
    if nbytes < LEAST_NBYTES:
        raise ValueError(f"wanted at least {LEAST_NBYTES >> 20}M of memory, got {text!r}")
    return nbytes


def _limits(root: Path, membership: Path) -> Iterator[Path]:
    """Yield the files in which the limits of our group, and of those above it, may be."""
    lines: list[str] = []
    with suppress(OSError):
        lines = membership.read_text("utf-8").splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in {"", "memory"}:
            top = root / controllers
            group = Path(os.path.normpath(top / path.lstrip("/")))
            groups = {top, *(folder for folder in (group, *group.parents) if folder.is_relative_to(top))}
            name = "memory.limit_in_bytes" if controllers else "memory.max"
            yield from (folder / name for folder in groups)
