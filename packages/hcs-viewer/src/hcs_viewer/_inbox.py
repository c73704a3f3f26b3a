"""What the receiver's thread and the window's thread hand to each other."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import msgspec

from hcs_protocol import (
    Clear,
    GetImage,
    GetState,
    ImageReady,
    Message,
    Navigate,
    Pong,
    RunEnded,
    RunStarted,
    Screenshot,
    Shutdown,
    StepProgress,
)

T = TypeVar("T")

WindowRequest = GetState | GetImage | Navigate | Clear | Screenshot | Shutdown
RunNews = RunStarted | StepProgress | RunEnded


class ArrivedImage(msgspec.Struct, frozen=True):  # a frozen dataclass takes five times as long to make
    """An adopted image: what it shows, its number in the store, who sent it, and when it was adopted."""

    ready: ImageReady
    number: int
    worker_run: str
    """Who is to be told that it is shown; empty if nobody is."""
    adopted_at: float


@dataclass(frozen=True)
class ImagesBack:
    """What somebody looked at while it was not in memory is there now."""

    looker: object


@dataclass(frozen=True)
class Question:
    """A request that only the window can answer, and who asked."""

    identity: bytes
    request: WindowRequest


@dataclass(frozen=True)
class Answer:
    """A reply on its way out, with the frames that follow it."""

    identity: bytes
    message: Message
    frames: tuple[bytes, ...] = ()


class ShownImage(msgspec.Struct, frozen=True):
    """An image of this worker_run is in its layer, so many seconds after it was adopted."""

    worker_run: str
    sequence: int
    seconds: float


@dataclass(frozen=True)
class StatusRequest:
    """The window wants a Pong for itself."""


@dataclass(frozen=True)
class Trouble:
    """Something went wrong with images on their way, and the user may want to know."""

    kind: Literal["refused", "malformed", "recovered", "dropped", "no memory"]
    who: str
    """The worker's name."""
    what: str = ""
    """The reason, or the policy."""


class Inbox(Generic[T]):
    """A queue to another thread, which is woken once however much is put in meanwhile."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._entries: deque[T] = deque()
        self._wake = wake
        self._woken = False

    def wake_by(self, wake: Callable[[], None]) -> None:
        """Wake the other thread in this way from now on, and at once if something waits."""
        self._wake = wake
        if self._entries:
            wake()

    def wake(self) -> None:
        """Wake the other thread though nothing is put in."""
        self._wake()

    def put(self, entry: T) -> None:
        """Put something in."""
        self._entries.append(entry)
        if not self._woken:
            self._woken = True
            self.wake()

    def take(self) -> T | None:
        """Take the oldest entry out; None when there is none, and then the next `put` wakes again."""
        try:
            return self._entries.popleft()
        except IndexError:
            self._woken = False  # before the second look: what is put in now wakes
        try:
            return self._entries.popleft()
        except IndexError:
            return None

    def __len__(self) -> int:
        return len(self._entries)


ToWindow = ArrivedImage | ImagesBack | RunNews | Question | Pong | Trouble
ToReceiver = Answer | ShownImage | StatusRequest
