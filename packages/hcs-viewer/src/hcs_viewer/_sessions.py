"""Conversations with workers: which numbers each of them was heard to say. Pure: no socket, no clock."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from hcs_protocol import WorkerStatus, new_id

GONE_SECONDS = 7 * 86_400.0
"""For so long the numbers of a worker_run without a session are remembered.

Its link may be away over a weekend; then it sends again what it was not told to be held.
"""
MAX_GONE = 4096

MAX_COUNT = (1 << 63) - 1
"""The largest count that a message takes; workers may claim what they like."""


@dataclass
class Received:
    """The numbers that one worker_run sent and this viewer holds, refused ones included."""

    upto: int = 0
    """All numbers up to this one."""
    beyond: set[int] = field(default_factory=set)

    def __contains__(self, sequence: int) -> bool:
        return sequence <= self.upto or sequence in self.beyond

    def add(self, sequence: int) -> None:
        """Note a number; a second time is harmless."""
        if sequence == self.upto + 1:
            self.upto = sequence
            self._close_gap()
        elif sequence > self.upto:
            self.beyond.add(sequence)

    def forget_below(self, oldest: int) -> None:
        """Forget what the worker no longer owes: it will not be sent again."""
        if oldest - 1 > self.upto:
            self.upto = oldest - 1
            self.beyond = {sequence for sequence in self.beyond if sequence > self.upto}
            self._close_gap()

    def held_from(self, oldest: int, most: int) -> list[int]:
        """Return the numbers from this one on, and of very many the highest."""
        first = max(oldest, self.upto - most + 1)
        return [*range(first, self.upto + 1), *sorted(self.beyond)][-most:]

    def _close_gap(self) -> None:
        while self.upto + 1 in self.beyond:
            self.upto += 1
            self.beyond.discard(self.upto)


@dataclass
class History:
    """What is known of one worker_run, whether it has a session or not."""

    received: Received = field(default_factory=Received)
    recovered: set[int] = field(default_factory=set)
    """Which of its images were found in its memory, by `Destination.published`."""
    status: WorkerStatus = field(default_factory=WorkerStatus)
    """What it said last of its images."""


@dataclass(frozen=True)
class Farewell:
    """A Goodbye: who said it, its id, and the number that has to be held before it is answered."""

    identity: bytes
    request: str
    last: int


@dataclass
class Session:
    """One worker_run talking to this viewer."""

    id: str
    identity: bytes
    worker_run: str
    name: str
    last_sign: float
    history: History
    segments: set[str] = field(default_factory=set)
    oldest: int = 1
    """The lowest number that its worker said last to be owed."""
    goodbyes: list[Farewell] = field(default_factory=list)
    """Those that wait for their answer."""
    released: list[int] = field(default_factory=list)
    """Numbers of images that were adopted, and of duplicates, which the worker has yet to be told."""
    released_nbytes: int = 0
    by_frame: bool = False
    """Whether pixels come as frames, which this process holds before it takes them in."""
    credit_nbytes: int = 0
    """What its worker was told that may be in flight, if pixels come as frames."""
    repeats: bool = False
    """Whether it sent a number that was held already."""
    is_orphaned: bool = False
    """Whether its worker is known to be dead; what it sent may still be on its way."""


class Sessions:
    """All conversations; a worker_run that comes again keeps its numbers and gets a new session."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._by_run: dict[str, Session] = {}
        self._gone: dict[str, tuple[float, History]] = {}
        """By worker_run since when it has had no session, the longest gone first."""
        self._dropped_by_forgotten = 0
        self._done: deque[str] = deque(maxlen=MAX_GONE)
        """The sessions that ended with a Goodbye; the others are forgotten with what they owed."""

    def open(self, identity: bytes, worker_run: str, name: str, now: float) -> Session:
        """Open a session; one that the same worker_run had before is over."""
        before = self._by_run.get(worker_run)
        session = Session(new_id(), identity, worker_run, name, now, self.history(worker_run, now))
        self._gone.pop(worker_run, None)
        if before:
            session.segments |= before.segments
            session.goodbyes += before.goodbyes
            del self._sessions[before.id]
        self._sessions[session.id] = self._by_run[worker_run] = session
        return session

    def get(self, session_id: str) -> Session | None:
        """Return the session, unless it is over."""
        return self._sessions.get(session_id)

    def is_done(self, session_id: str) -> bool:
        """Say whether a session ended in order, with all its numbers held."""
        return session_id in self._done

    def of(self, worker_run: str) -> Session | None:
        """Return the session that a worker_run has now, unless it has none."""
        return self._by_run.get(worker_run)

    def history(self, worker_run: str, now: float) -> History:
        """Return what is known of a worker_run, and from now on remember it."""
        if session := self._by_run.get(worker_run):
            return session.history
        _, history = self._gone.pop(worker_run, (now, History()))
        self._gone[worker_run] = now, history
        return history

    def close(self, session: Session, now: float, *, for_good: bool) -> None:
        """End a session; for good forgets the worker_run's numbers as well. A second time is harmless."""
        if self._sessions.pop(session.id, None) is None:
            return
        del self._by_run[session.worker_run]
        self._gone[session.worker_run] = now, session.history
        if for_good:
            self._done.append(session.id)
            self._forget(session.worker_run)

    def forget_gone(self, now: float) -> None:
        """Forget the worker_runs that have been gone for long, and of very many those longest gone."""
        while self._gone:
            worker_run, (since, _) = next(iter(self._gone.items()))
            if since >= now - GONE_SECONDS and len(self._gone) <= MAX_GONE:
                return
            self._forget(worker_run)

    @property
    def workers(self) -> int:
        """How many workers are there, as far as one knows."""
        return sum(not session.is_orphaned for session in self)

    @property
    def dropped(self) -> int:
        """How many images workers dropped by policy, those that are gone included."""
        there = [session.history for session in self] + [history for _, history in self._gone.values()]
        return min(MAX_COUNT, self._dropped_by_forgotten + sum(map(_dropped, there)))

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)

    def _forget(self, worker_run: str) -> None:
        _, history = self._gone.pop(worker_run)
        self._dropped_by_forgotten += _dropped(history)


def _dropped(history: History) -> int:
    return sum(history.status.dropped.values())
