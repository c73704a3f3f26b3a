"""How long images needed lately."""

from collections import deque

from hcs_protocol import Latency

KEPT = 1000


class Durations:
    """The latest durations of one hop of the journey, in seconds; any thread may add one."""

    def __init__(self) -> None:
        self._latest: deque[float] = deque(maxlen=KEPT)
        self.add = self._latest.append
        """Adds a duration."""

    def latency(self) -> Latency | None:
        """Return median and 99th percentile, None before the first.

        A duration below zero, as after a clock was set back, counts as none.
        """
        latest = [max(0.0, seconds) for seconds in self._latest.copy()]
        return Latency.of(latest) if latest else None
