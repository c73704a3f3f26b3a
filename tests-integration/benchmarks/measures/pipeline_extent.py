"""How much is measured of a whole pipeline."""

import os
from dataclasses import dataclass

from .window_extent import Shape

SITES = 3
"""Distinct images, which are the same in all wells."""


@dataclass(frozen=True, kw_only=True)
class PipelineExtent:
    """Shapes and numbers of images and runs."""

    shape: Shape
    wells: int
    """That each worker goes through in one run, of so many sites each."""
    blocks: int
    """Runs in the order A B B A, as two pairs each."""
    rotated_nbytes: int
    """Memory over which images of trivial steps rotate."""
    trivial_pairs: int
    trivial: int
    """Images in one side of a pair of trivial steps."""
    all_names: bool
    """Whether as many names are parsed as the key says."""

    @property
    def workers(self) -> int:
        """One less than there are cores: the viewer has one."""
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, usable - 1)


FULL_PIPELINE = PipelineExtent(
    shape=(2048, 2048),
    wells=18,
    blocks=4,
    rotated_nbytes=256 << 20,
    trivial_pairs=20,
    trivial=60,
    all_names=True,
)
QUICK_PIPELINE = PipelineExtent(
    shape=(256, 256), wells=2, blocks=1, rotated_nbytes=1 << 20, trivial_pairs=2, trivial=3, all_names=False
)
