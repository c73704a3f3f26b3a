"""How long images needed for each hop of their journey through the viewer."""

from collections import deque

from hcs_protocol import Latency

KEPT = 1000
"""So many of the latest times are looked at."""


class Hops:
    """The latest times of each hop, in seconds: to note one costs nothing, to sum them up a little."""

    def __init__(self) -> None:
        self.wire: deque[float] = deque(maxlen=KEPT)
        """Of batches: from the worker's send until they were received."""
        self.store: deque[float] = deque(maxlen=KEPT)
        """Of images: until they were adopted."""
        self.draw: deque[float] = deque(maxlen=KEPT)
        """Of images: until they were shown."""

    def latency(self) -> dict[str, Latency]:
        """Return what each hop takes, of those that were noted."""
        hops = {"wire": self.wire, "store": self.store, "draw": self.draw}
        return {name: Latency.of(seconds) for name, seconds in hops.items() if seconds}
