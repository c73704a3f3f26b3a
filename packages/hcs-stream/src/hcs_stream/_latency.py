"""How long images needed lately."""

import math
from collections import deque

from hcs_protocol import Latency

KEPT = 1000


class Durations:
    """The latest durations of one hop of the journey, in seconds; any thread may add one."""

    def __init__(self) -> None:
        self._latest: deque[float] = deque(maxlen=KEPT)

    def add(self, seconds: float) -> None:
        """Add a duration; one below zero, as after a clock was set back, counts as none."""
        self._latest.append(max(0.0, seconds))

    def latency(self) -> Latency | None:
        """Return median and 99th percentile, None before the first."""
        ordered = sorted(self._latest.copy())
        if not ordered:
            return None
        return Latency(p50=_at(ordered, 0.50), p99=_at(ordered, 0.99))


def _at(ordered: list[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
