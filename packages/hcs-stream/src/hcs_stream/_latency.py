"""How long images needed lately."""

from collections import deque

from hcs_protocol import Latency

KEPT = 1000


class Durations:
    """The latest durations of one hop of the journey, in seconds; any thread may add one."""

    def __init__(self) -> None:
        self._latest: deque[float] = deque(maxlen=KEPT)

    def add(self, seconds: float) -> None:
        """Add a duration; one below zero, as after a clock was set back, counts as none."""
        self._latest.append(seconds if seconds > 0.0 else 0.0)

    def latency(self) -> Latency | None:
        """Return median and 99th percentile, None before the first."""
        latest = self._latest.copy()
        return Latency.of(latest) if latest else None
