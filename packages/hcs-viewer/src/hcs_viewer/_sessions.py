"""Conversations with workers: which numbers each of them was heard to say. Pure: no socket, no clock."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hcs_protocol import new_id


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
        if sequence > self.upto:
            self.beyond.add(sequence)
        self._close_gap()

    def forget_below(self, oldest: int) -> None:
        """Forget what the worker no longer owes: it will not be sent again."""
        if oldest - 1 > self.upto:
            self.upto = oldest - 1
            self.beyond = {sequence for sequence in self.beyond if sequence > self.upto}
        self._close_gap()

    def _close_gap(self) -> None:
        while self.upto + 1 in self.beyond:
            self.upto += 1
            self.beyond.discard(self.upto)


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
    segments: set[str] = field(default_factory=set)
    goodbyes: list[Farewell] = field(default_factory=list)
    """Those that wait for their answer."""


class Sessions:
    """All conversations; a worker_run that comes again keeps its numbers and gets a new session."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._received: dict[str, Received] = {}
        self._worker_runs: dict[str, str] = {}
        """Of every session, over or not, that a worker_run had."""

    def open(self, identity: bytes, worker_run: str, name: str, now: float) -> Session:
        """Open a session; one that the same worker_run had before is over."""
        before = next((session for session in self if session.worker_run == worker_run), None)
        session = Session(new_id(), identity, worker_run, name, now)
        if before:
            session.segments |= before.segments
            session.goodbyes += before.goodbyes
            del self._sessions[before.id]
        self._sessions[session.id] = session
        self._worker_runs[session.id] = worker_run
        self._received.setdefault(worker_run, Received())
        return session

    def get(self, session_id: str) -> Session | None:
        """Return the session, unless it is over."""
        return self._sessions.get(session_id)

    def latest(self, session_id: str) -> Session | None:
        """Return the session that its worker_run has now, unless it has none."""
        worker_run = self._worker_runs.get(session_id)
        return next((session for session in self if session.worker_run == worker_run), None)

    def received(self, session: Session) -> Received:
        """Return which numbers the session's worker_run sent."""
        return self._received[session.worker_run]

    def close(self, session: Session, *, for_good: bool) -> None:
        """End a session; for good forgets the worker_run's numbers as well."""
        self._sessions.pop(session.id, None)
        if for_good:
            self._received.pop(session.worker_run, None)
            ours = self._worker_runs.items()
            self._worker_runs = {id_: run for id_, run in ours if run != session.worker_run}

    def silent_since(self, moment: float) -> list[Session]:
        """Return the sessions whose worker gave no sign since then."""
        return [session for session in self if session.last_sign < moment]

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)
