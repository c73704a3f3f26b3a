"""A CUDA device's array that is copied into blocks, again and again and on every CPU."""

import os
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hcs_protocol import LentBlock
from hcs_shm import ArrayWriter

WARMING = 3
Times: TypeAlias = tuple[float, float]
"""Seconds until the caller goes on, and until all is there."""


class Arrivals:
    """One array and its blocks."""

    def __init__(self, array: Any, plane: npt.NDArray[np.uint16], blocks: Sequence[LentBlock]) -> None:
        self._array = array
        self._plane = plane
        self._blocks = cycle(blocks)
        self._count = len(blocks)
        self._block = next(self._blocks)
        self._writer = ArrayWriter()
        self.is_in_pieces = False
        """Whether the last copy was none that the device made by itself."""

    @property
    def target(self) -> npt.NDArray[np.uint16]:
        """Where the last image lies."""
        return np.frombuffer(self._block.pixels, np.uint16).reshape(self._plane.shape)

    def once(self) -> Times:
        """Copy it into the next block."""
        self._block = next(self._blocks)
        begun = time.perf_counter()
        copy = self._writer.start(self._array, self._block.pixels)
        returned = time.perf_counter()
        if copy is not None:
            copy.wait()
        done = time.perf_counter()
        self.is_in_pieces = copy is None
        return returned - begun, done - begun

    def check(self, name: str) -> None:
        """Fail unless the pixels arrive in every block."""
        for _ in range(self._count):
            self._block = next(self._blocks)
            self.target[:] = 0
        for _ in range(self._count):
            self.once()
            assert self.target.tobytes() == self._plane.tobytes(), f"{name}: other pixels arrived"


def timed(act: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def on_all_cpus(
    ours: Callable[[], Times], theirs: Callable[[], object], pairs: int
) -> list[tuple[Times, float]]:
    """Time both, as often on each CPU that this process may use.

    Args:
        ours: Says itself how long it took.
        theirs: Is timed.
        pairs: How often at least.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    each = -(-pairs // max(1, len(allowed)))
    found: list[tuple[Times, float]] = []
    try:
        for cpu in sorted(allowed):
            os.sched_setaffinity(0, {cpu})  # this thread alone
            found += _in_turn(ours, theirs, each)
    finally:
        if allowed:
            os.sched_setaffinity(0, allowed)
    return found or _in_turn(ours, theirs, each)


def _in_turn(
    ours: Callable[[], Times], theirs: Callable[[], object], pairs: int
) -> list[tuple[Times, float]]:
    """Time both, by turns the one and the other first."""
    found: list[tuple[Times, float]] = []
    for number in range(-WARMING, pairs):
        if number % 2:
            taken = timed(theirs)
            found.append((ours(), taken))
        else:
            found.append((ours(), timed(theirs)))
    return found[WARMING:]
