"""Not for each image, but now and then."""

import time
from collections.abc import Callable


class Pace:
    """Says when something is due again that costs too much to be done for each image."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._due = -1.0

    def is_due(self) -> bool:
        """Say whether so many seconds have passed since it was due; the first time, it is."""
        now = self._clock()
        if now < self._due:
            return False
        self._due = now + self._seconds
        return True
