"""What a viewer says about itself, and its clocks."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hcs_protocol import ViewerState


@dataclass(kw_only=True)
class Presence:
    """What a viewer says about itself; the window's thread sets state and sign of life."""

    title: str
    viewer_run: str
    clock: Callable[[], float]
    wall_clock: Callable[[], float] = time.time
    """Seconds since 1970, to be compared with what a worker says."""
    folders: Sequence[str] = ()
    """Of workers on other machines, whose files are read here."""
    state: ViewerState = "starting"
    window_seen: float = 0.0

    def see_window(self) -> None:
        """Note that the window's thread is alive."""
        self.window_seen = self.clock()
