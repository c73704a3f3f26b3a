"""How much is measured."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Extent:
    """Numbers of pairs and of images; ratios are medians over pairs."""

    pairs: int
    rotated_nbytes: int
    """Memory over which each way's sources rotate."""
    warm_up: int
    """Images that go through each lane before it counts."""
    flood: Mapping[str, int]
    """Images in one flood, by the sizes that are measured."""
    paced: int
    """Images of one side of a pair that is sent at a pipeline's pace."""
    tail: int
    """The same, where a p99 is asked for."""
    many: int
    """Images that each of many workers sends."""


FULL = Extent(
    pairs=15,
    rotated_nbytes=256 << 20,
    warm_up=16,
    flood={"256kb": 200, "8mb": 20, "64mb": 14},
    paced=14,
    tail=40,
    many=60,
)
QUICK = Extent(
    pairs=2,
    rotated_nbytes=1 << 20,
    warm_up=1,
    flood={"256kb": 10, "8mb": 3},
    paced=2,
    tail=3,
    many=5,
)
GAPS = {"256kb": 0.005, "8mb": 0.008, "64mb": 0.050}
"""Seconds of a pipeline between two images of a size: the viewer has adopted one before the next comes."""
