"""Memory and open files of processes over time, and whether they grow."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

QUARTER = 4


@dataclass(frozen=True)
class Sample:
    """One look at one process."""

    seconds: float
    """Since the soak began."""
    megabytes: float
    """Its anonymous memory: neither shared memory nor mapped files."""
    files: int
    """How many descriptors are open."""


def look_at(pid: int, seconds: float) -> Sample:
    """Look at a process."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    kilobytes = int(fields["RssAnon"].split()[0])
    return Sample(seconds, kilobytes / 1024, len(list(Path(f"/proc/{pid}/fd").iterdir())))


def slope(samples: list[Sample]) -> float:
    """Return by how many megabytes a process grows in ten minutes: a straight line through its samples."""
    if len(samples) < QUARTER:
        return 0.0
    line = np.polyfit([sample.seconds for sample in samples], [sample.megabytes for sample in samples], 1)
    return round(600 * float(line[0]), 2)


def file_growth(samples: list[Sample]) -> int:
    """Return how many more descriptors are open in the last quarter than in the first."""
    files = [sample.files for sample in samples]
    part = max(1, len(files) // QUARTER)
    return int(median(files[-part:]) - median(files[:part])) if files else 0
