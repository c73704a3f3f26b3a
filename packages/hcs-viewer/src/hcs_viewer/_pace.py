"""How often the window draws: at once if it is idle, else so seldom that its user gets every other turn."""

from collections.abc import Callable

FRAME_SECONDS = 0.016
BUDGET_SECONDS = 0.006
LONGEST_SECONDS = 1.0
"""What takes longer is no frame of ours: something else held the window up, and answers are waiting."""
LEAST_BUDGET = 0.25
"""Which part of the frame before may be spent as well: not each image is worth a slow paint."""
ADDING_SECONDS = 0.5
"""How much of it at most, for new layers: after each, all that there are would be painted anew."""


class Pace:
    """One frame after the other, each as long as it takes to paint, and as long again for the user's hand."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        frame_seconds: float = FRAME_SECONDS,
        budget_seconds: float = BUDGET_SECONDS,
    ) -> None:
        """Make a pace.

        Args:
            clock: Seconds.
            frame_seconds: From the beginning of a frame to that of the next one, at least.
            budget_seconds: For laying out what arrived, per frame; more if a frame takes long.
        """
        self.is_drawing = False
        """Whether a frame has begun and the next one may not yet."""
        self.is_wanted = False
        """Whether somebody wanted a frame meanwhile."""
        self.is_adding = False
        """Whether this frame has new layers."""
        self._clock = clock
        self._frame_seconds = frame_seconds
        self._budget_seconds = budget_seconds
        self._began = 0.0
        self._took = 0.0

    def begin(self) -> None:
        """Begin a frame."""
        self.is_drawing, self.is_wanted, self.is_adding = True, False, False
        self._began = self._clock()

    @property
    def is_spent(self) -> bool:
        """Whether this frame's time for laying out is over."""
        part = min(self._took, ADDING_SECONDS) if self.is_adding else LEAST_BUDGET * self._took
        return self._clock() - self._began > max(self._budget_seconds, part)

    def rest_seconds(self) -> float:
        """Return how long to leave the window alone, now that the frame is painted."""
        self._took = min(self._clock() - self._began, LONGEST_SECONDS)
        return max(self._frame_seconds - self._took, self._took)

    def end(self) -> None:
        """End a frame: the next one may begin."""
        self.is_drawing = False
