"""What the outbox knows of images that are sent together, and what it says of them."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from hcs_stream.sending import FoundImage

from ._target import Target


class EntryState(StrEnum):
    """How far images are that are sent together."""

    WAITING = "waiting"
    """Others are sent to that viewer before."""
    CONNECTING = "connecting"
    """The viewer is not ready, or not there."""
    SENDING = "sending"
    STALLED = "stalled"
    """The viewer takes nothing for a while: it is busy, frozen or gone."""
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


ENDED = frozenset({EntryState.DONE, EntryState.CANCELLED, EntryState.FAILED})


class Failure(msgspec.Struct, frozen=True):
    """An image that could not be sent, and why."""

    path: Path
    reason: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Images that are sent together, at one time."""

    ticket: int
    plate: str
    target: Target
    state: EntryState
    is_cancelled: bool
    total: int
    sent: int
    """The viewer has them, or will get them."""
    failures: tuple[Failure, ...]
    refused: int = 0
    """Planes that the viewer did not want; its window says why."""
    problem: str = ""
    """Why it ended before its end."""
    viewer_is_there: bool = True
    viewer_has_them: bool = True
    """Whether the viewer is the one to which they were sent."""
    seconds_left: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state in ENDED

    @property
    def missing(self) -> int:
        """Images that were not sent."""
        return self.total - self.sent

    @property
    def words(self) -> str:
        """Say how it stands."""
        parts = [self._standing(), *self._exceptions()]
        return "; ".join(part for part in parts if part)

    def _standing(self) -> str:
        port = self.target.data_port
        if self.is_cancelled and not self.is_over:
            return "is being cancelled"
        if not (self.viewer_is_there or self.is_over):
            return f"kept for the next viewer on port {port}: none runs there, {self._so_far()}"
        so_far = self._so_far()
        return {
            EntryState.WAITING: f"{_images(self.total)} wait for those before them",
            EntryState.CONNECTING: f"{_images(self.missing)} wait until the viewer is ready",
            EntryState.SENDING: so_far + _time_left(self.seconds_left),
            EntryState.STALLED: f"the viewer takes nothing at the moment, {so_far}",
            EntryState.DONE: so_far,
            EntryState.CANCELLED: f"cancelled, {so_far}",
            EntryState.FAILED: f"not finished, {so_far}: {self.problem}",
        }[self.state]

    def _so_far(self) -> str:
        return f"{self.sent:,} of {_images(self.total)} sent".replace(",", "\N{NARROW NO-BREAK SPACE}")

    def _exceptions(self) -> Iterator[str]:
        if self.failures:
            yield f"{_images(len(self.failures))} could not be read"
        if self.refused:
            yield f"the viewer refused {self.refused}"
        if self.is_over and self.sent and not self.viewer_has_them:
            yield "that viewer is gone, and the images with it"


class Job:
    """An entry while it is worked on; the outbox's lock is held around every call."""

    def __init__(
        self, ticket: int, images: Sequence[FoundImage], plate: str, target: Target, run: str, now: float
    ) -> None:
        self.ticket = ticket
        self.images = images
        self.plate = plate
        self.target = target
        self.run = run
        self.state = EntryState.WAITING
        self.is_cancelled = False
        self.began_at = now
        self.viewer_run = ""
        """Of the viewer that has what was sent, as far as that is known."""
        self.refused = 0
        self.failures: dict[int, Failure] = {}
        self._pending: Sequence[int] = range(len(images))
        self._next = 0
        self._sent = 0
        self._problem = ""
        self._ended_at: float | None = None

    @property
    def waiting(self) -> int:
        """Images that are still to be sent."""
        return 0 if self.is_cancelled or self.state in ENDED else len(self._pending) - self._next

    def pending_images(self) -> Iterator[FoundImage]:
        """Yield the images that are to be sent."""
        return (self.images[place] for place in self._pending[self._next :])

    def note(self, failure: Exception | None) -> None:
        """Note that an image was sent, or why it could not be."""
        place = self._pending[self._next]
        self._next += 1
        if failure is None:
            self._sent += 1
        else:
            self.failures[place] = Failure(self.images[place].file.path, str(failure))

    def missing(self) -> list[int]:
        """Return which images were not sent."""
        return sorted([*self.failures, *self._pending[self._next :]])

    def all(self) -> Sequence[int]:
        """Return which images there are."""
        return range(len(self.images))

    def begin_again(self, which: Sequence[int], now: float) -> None:
        """Have these images sent, as if the others had been."""
        self._sent = len(self.images) - len(which)
        self._pending, self._next = which, 0
        self.failures, self.refused, self._problem, self.viewer_run = {}, 0, "", ""
        self.is_cancelled, self.state, self.began_at, self._ended_at = False, EntryState.WAITING, now, None

    def end(self, state: EntryState, now: float, problem: str = "") -> None:
        """Note how it ended."""
        self.state, self._ended_at, self._problem = state, now, problem

    def entry(self, now: float, *, viewer_is_there: bool, viewer_has_them: bool) -> Entry:
        """Return how it stands."""
        return Entry(
            ticket=self.ticket,
            plate=self.plate,
            target=self.target,
            state=self.state,
            is_cancelled=self.is_cancelled,
            total=len(self.images),
            sent=self._sent,
            failures=tuple(self.failures.values()),
            refused=self.refused,
            problem=self._problem,
            viewer_is_there=viewer_is_there,
            viewer_has_them=viewer_has_them,
            seconds_left=self._seconds_left(now),
        )

    def _seconds_left(self, now: float) -> float | None:
        spent = now - self.began_at
        if self.state is not EntryState.SENDING or self._next < 2 or spent <= 0:
            return None
        return (len(self._pending) - self._next) * spent / self._next


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _time_left(seconds: float | None) -> str:
    if seconds is None or seconds < 2:
        return ""
    return f", about {seconds:.0f} s left" if seconds < 90 else f", about {seconds / 60:.0f} min left"
