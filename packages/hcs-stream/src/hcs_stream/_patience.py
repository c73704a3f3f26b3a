"""How long a viewer may take before its session is begun anew. Pure: no socket, no clock of its own.

On a thin or lossy link answers come late and images take long: whoever gave up too early would send the same
bytes again and again. So what was slow before may be slow once more.
"""

from collections.abc import Callable

from ._owed import Owed

STUCK_SECONDS = 2.0
COPIED_NBYTES_PER_SECOND = 5e7  # a viewer copies at least so fast, and says nothing meanwhile
SLOWEST_NBYTES_PER_SECOND = 1e6  # what a frame may need on a link of which nothing is known yet
SPARE = 4.0
"""Times what an answer, or an image, took lately."""
FADING = 0.97
"""What is left, with each answer or image, of what was slower before."""
QUEUE_SECONDS = 4.0
"""For so long an answer may queue with pixels in some router, on a link of which nothing is known yet."""
MOST_ANSWER_SECONDS = 12.0
"""With more, a link that was away would be tried too seldom."""
MOST_GROWTH = 32.0


class Patience:
    """Learns from the sessions of one link, one after another."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._growth = 1.0
        """Doubles with every session that was given up without progress."""
        self._slowness = 0.0
        """What an image took lately, in parts of what is usual."""
        self._answer_seconds = 0.0
        self._awaited: Owed | None = None
        self._awaited_since = 0.0
        self._usual_seconds = STUCK_SECONDS

    def note_answer(self, seconds: float) -> None:
        """Note how long the viewer took to say anything."""
        self._answer_seconds = max(seconds, FADING * self._answer_seconds)

    def note_progress(self) -> None:
        """Note that an image was adopted."""
        self._growth = 1.0

    def note_silence(self) -> None:
        """Note that a session was given up because the viewer said nothing."""
        self._growth = min(2 * self._growth, MOST_GROWTH)

    def begin(self) -> None:
        """Begin with another session: what was awaited is sent once more."""
        self._awaited = None

    def for_answer(self, largest_nbytes: int, *, by_frame: bool) -> float:
        """Return how many seconds more than usual the viewer may be silent.

        Args:
            largest_nbytes: Of the largest image in flight.
            by_frame: Whether pixels go over the link, where an answer may queue with them.
        """
        copying = largest_nbytes / COPIED_NBYTES_PER_SECOND
        if not by_frame:
            return copying
        queueing = max(QUEUE_SECONDS * self._growth, SPARE * self._answer_seconds)
        return copying + min(MOST_ANSWER_SECONDS, queueing)

    def is_over(self, awaited: Owed | None, *, by_frame: bool) -> bool:
        """Say whether the release that comes next is overdue.

        Args:
            awaited: The item that the viewer is to release next, None if there is none.
            by_frame: Whether its pixels go over the link.
        """
        now = self._clock()
        if awaited is not self._awaited:
            self._await_next(awaited, now, by_frame=by_frame)
        if awaited is None:
            return False
        growth = min(MOST_GROWTH, max(self._growth, SPARE * self._slowness))
        if now - self._awaited_since <= self._usual_seconds * growth:
            return False
        self.note_silence()
        return True

    def _await_next(self, awaited: Owed | None, now: float, *, by_frame: bool) -> None:
        if self._awaited is not None:
            took = (now - self._awaited_since) / self._usual_seconds
            self._slowness = max(took, FADING * self._slowness)
        self._awaited, self._awaited_since = awaited, now
        self._usual_seconds = STUCK_SECONDS
        if awaited is not None and by_frame:
            self._usual_seconds += QUEUE_SECONDS + awaited.nbytes / SLOWEST_NBYTES_PER_SECOND
        elif awaited is not None:
            self._usual_seconds += awaited.nbytes / COPIED_NBYTES_PER_SECOND
