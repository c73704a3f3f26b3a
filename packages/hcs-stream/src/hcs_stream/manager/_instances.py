"""The viewers that are listed: found, watched, launched and dismissed; no window, no socket, no file."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from hcs_protocol import Connection, Pong
from hcs_stream._whereabouts import LOCAL_HOSTS, host_of, is_here, machine_name

from ._condition import Condition, Health, Process, Seen, condition
from ._target import Target

RATE_SECONDS = 3.0
"""Rates are of the images shown in this time."""


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list at one time."""

    key: str
    """Its viewer_run, or a name of our own while it is launched."""
    title: str
    host: str
    data_port: int
    condition: Condition
    shown: int | None = None
    """Images; None if it never said."""
    shown_per_second: float | None = None
    rss_nbytes: int | None = None
    waiting: int = 0
    """Images that are on their way to this viewer's layers."""
    process: Process = Process.RUNS
    connection: Connection | None = None
    path: Path | None = None
    """Its connection file."""
    machine: str = ""
    """The other machine that it is on, as people call it; empty if it is this one."""

    @property
    def target(self) -> Target | None:
        """Where to send images; None if it cannot take any."""
        if self.connection is None or self.process is Process.GONE:
            return None
        return Target(
            title=self.title, host=self.host, data_port=self.data_port, viewer_run=self.connection.viewer_run
        )

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return is_here(self.connection) if self.connection else self.host in LOCAL_HOSTS

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or was never there."""
        return self.condition.word in {"gone", "not started"}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A connection file, and what the operating system says of the process that it names."""

    path: Path
    connection: Connection
    process: Process
    rss_nbytes: int | None = None


class Instances:
    """Keeps what is known of each viewer; its methods may be called from any thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, Seen] = {}
        self._paths: dict[str, Path] = {}
        self._rates: dict[str, _Rate] = {}
        self._launches: dict[str, tuple[Launching, str]] = {}
        self._dismissed: set[str] = set()
        self._launch_count = 0

    def known(self) -> list[tuple[Path, Connection]]:
        """Return the connections of all viewers that are listed, with the paths of their files."""
        with self._lock:
            return [(self._paths[run], seen.connection) for run, seen in self._seen.items()]

    def look(self, found: Iterable[Found], processes: Callable[[Connection], Process]) -> None:
        """Take in which connection files there are.

        Args:
            found: All of them.
            processes: Says of a viewer whose file is gone what became of its process.
        """
        by_run = {each.connection.viewer_run: each for each in found}
        with self._lock:
            self._dismissed &= by_run.keys()
            for run, each in by_run.items():
                if run not in self._dismissed:
                    self._see(run, each)
            for run in self._seen.keys() - by_run.keys():
                seen = self._seen[run]
                self._change(run, has_file=False, process=processes(seen.connection), rss_nbytes=None)

    def answered(self, run: str, pong: Pong) -> None:
        """Take in a viewer's answer."""
        with self._lock:
            now = self._clock()
            self._change(run, pong=pong, answered_at=now, trouble="")
            self._rates.setdefault(run, _Rate()).add(now, pong.counters.shown)

    def failed(self, run: str, trouble: str) -> None:
        """Take in that a viewer's answer was none."""
        with self._lock:
            self._change(run, trouble=trouble)

    def close(self, run: str) -> None:
        """Take in that a viewer was asked to close."""
        with self._lock:
            self._change(run, is_asked_to_close=True, refusal="")

    def stays(self, run: str, refusal: str) -> None:
        """Take in that a viewer did not close, and why."""
        with self._lock:
            self._change(run, is_asked_to_close=False, refusal=refusal)

    def ended(self, run: str, how: str) -> None:
        """Take in that a viewer was ended here, and how."""
        with self._lock:
            self._change(run, ending=how)

    def launch(self, launching: "Launching") -> str:
        """List a viewer that is about to start; return the key by which it goes until it is found."""
        with self._lock:
            self._launch_count += 1
            key = f"launch {self._launch_count}"
            self._launches[key] = launching, ""
            return key

    def launch_failed(self, key: str, problem: str) -> None:
        """Take in that no viewer came of a launch, and why."""
        with self._lock:
            if key in self._launches:
                self._launches[key] = self._launches[key][0], problem

    def dismiss(self, key: str) -> None:
        """List this one no longer; a second time is harmless."""
        with self._lock:
            self._launches.pop(key, None)
            if self._seen.pop(key, None):
                self._dismissed.add(key)  # until its file is gone too
            self._paths.pop(key, None)
            self._rates.pop(key, None)

    def listed(self) -> list[Instance]:
        """Return all lines, by port; of one port, in the order in which they were seen."""
        with self._lock:
            now = self._clock()
            lines = [(seen.first_seen, self._instance(run, seen, now)) for run, seen in self._seen.items()]
            lines += [
                (launching.at, _launched(key, launching, problem))
                for key, (launching, problem) in self._launches.items()
            ]
        return [line for _, line in sorted(lines, key=lambda line: (line[1].data_port, line[0], line[1].key))]

    def _see(self, run: str, found: Found) -> None:
        self._paths[run] = found.path
        if run not in self._seen:
            self._seen[run] = Seen(connection=found.connection, first_seen=self._clock())
            self._end_launch(found.connection)
        self._change(
            run,
            connection=found.connection,
            has_file=True,
            process=found.process,
            rss_nbytes=found.rss_nbytes,
        )

    def _end_launch(self, connection: Connection) -> None:
        for key, (launching, problem) in list(self._launches.items()):
            if not problem and launching.data_port == connection.requested_port and is_here(connection):
                del self._launches[key]

    def _change(self, run: str, **changes: object) -> None:
        if run in self._seen:  # else it was dismissed meanwhile
            self._seen[run] = msgspec.structs.replace(self._seen[run], **changes)

    def _instance(self, run: str, seen: Seen, now: float) -> Instance:
        connection, pong = seen.connection, seen.pong
        how = condition(seen, now)
        rate = self._rates.get(run)
        return Instance(
            key=run,
            title=pong.title if pong else connection.title,
            host=host_of(connection),
            machine=machine_name(connection),
            data_port=connection.data_port,
            condition=how,
            shown=pong.counters.shown if pong else None,
            shown_per_second=rate.per_second(now) if rate and how.health is not Health.ILL else None,
            rss_nbytes=seen.rss_nbytes,
            waiting=_waiting(pong) if pong and how.word != "gone" else 0,
            process=seen.process,
            connection=connection,
            path=self._paths[run],
        )


class Launching(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer that was started here and has no connection file yet."""

    title: str
    data_port: int
    at: float


class _Rate:
    """How fast a counter rises."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()

    def add(self, now: float, count: int) -> None:
        self._counts.append((now, count))
        while len(self._counts) > 2 and now - self._counts[1][0] >= RATE_SECONDS:
            self._counts.popleft()

    def per_second(self, now: float) -> float | None:
        if len(self._counts) < 2:
            return None
        (start, before), (_, after) = self._counts[0], self._counts[-1]
        return max(0, after - before) / (now - start) if now > start else None


def _launched(key: str, launching: Launching, problem: str) -> Instance:
    how = Condition(Health.ILL, "not started", problem) if problem else Condition(Health.WAITING, "starting")
    return Instance(
        key=key, title=launching.title, host="localhost", data_port=launching.data_port, condition=how
    )


def _waiting(pong: Pong) -> int:
    """Say how many images are neither shown nor refused, as far as the viewer and its workers told."""
    kept = pong.counters.adopted - pong.counters.shown
    return max(0, kept) + sum(worker.queued + worker.in_flight for worker in pong.workers)
