"""Images that wait to be sent: for each viewer a queue, and a thread that sends what is in it, in order.

Nothing is lost silently: what a viewer does not take yet waits for it, or for its successor on that port;
what cannot be read is listed; what is cancelled says how far it came.
"""

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import count

from hcs_protocol import ConnectionFileError, HandshakeRefusedError, HcsError, ViewerStalledError
from hcs_stream._stream import Stream
from hcs_stream.sending import FoundImage, Sender, declare

from ._entries import ENDED, Entry, EntryState, Job
from ._target import Target

logger = logging.getLogger(__name__)

Connect = Callable[[Target, str], Stream]
"""Returns a stream to a viewer, for this run; as `connect_to`."""
Place = tuple[str, int]
"""Host and data port: who comes after a viewer there takes what waits for it."""

RETRY_SECONDS = 0.5
"""Between two looks for a viewer that is not there."""
FLUSH_SECONDS = 0.5
CLOSE_SECONDS = 2.0
STREAM_SECONDS = 1.0
SETTLE_SECONDS = 10.0
"""How long what was sent may need to arrive, when more was cancelled at a viewer that takes images."""


class CancelledError(HcsError, InterruptedError):
    """Somebody does not want these images to be sent any more."""


class ReplacedError(HcsError, ConnectionResetError):
    """Another viewer is on the port now, which has none of the images that were sent."""


class Outbox:
    """Sends images to viewers; any thread may call it, and no call waits for a viewer."""

    def __init__(
        self, connect: Connect, clock: Callable[[], float], *, retry_seconds: float = RETRY_SECONDS
    ) -> None:
        """Have nothing to send.

        Args:
            connect: Returns a stream to a viewer.
            clock: In seconds.
            retry_seconds: Between two looks for a viewer that is not there.
        """
        self._connect = connect
        self._clock = clock
        self._retry_seconds = retry_seconds
        self._tickets = count(1)
        self._jobs: dict[int, Job] = {}
        self._queues: dict[Place, deque[Job]] = {}
        self._threads: dict[Place, threading.Thread] = {}
        self._running: dict[Place, str] | None = None
        """Which viewer_run is where; None before somebody has said."""
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._news = threading.Event()
        self.revision = 0
        """Changes whenever an entry does."""

    @property
    def entries(self) -> list[Entry]:
        """What waits, is being sent, or has been; in the order of `put`."""
        with self._lock:
            return [self._entry(job) for job in self._jobs.values()]

    def put(self, images: Sequence[FoundImage], plate: str, target: Target, run: str | None = None) -> int:
        """Send these images to a viewer as soon as it takes them; returns the ticket.

        Args:
            images: In the order in which they are sent.
            plate: How people call the plate.
            target: The viewer.
            run: Images of one run are shown in the same layers; by default the plate's name.
        """
        with self._lock:
            job = Job(next(self._tickets), images, plate, target, run or plate, self._clock())
            self._jobs[job.ticket] = job
            self._enqueue(job)
            return job.ticket

    def cancel(self, ticket: int) -> None:
        """Send no more of an entry; what was sent stays. A second time is harmless."""
        with self._lock:
            job = self._jobs.get(ticket)
            if job is None or job.state in ENDED:
                return
            job.is_cancelled = True
            if job.state is EntryState.WAITING:
                queue = self._queues.get(_place(job.target), deque())
                with contextlib.suppress(ValueError):  # no thread takes it any more: this is closing
                    queue.remove(job)
                job.end(EntryState.CANCELLED, self._clock())
            self._changed()

    def cancel_all(self) -> None:
        """Send no more of anything."""
        for entry in self.entries:
            self.cancel(entry.ticket)

    def retry(self, ticket: int) -> None:
        """Send what is missing of an entry: what could not be read, and what was not sent yet."""
        self._begin_again(ticket, Job.missing)

    def send_again(self, ticket: int) -> None:
        """Send all of an entry once more, such as to a viewer that was started anew."""
        self._begin_again(ticket, Job.all)

    def dismiss(self, ticket: int) -> None:
        """Forget an entry, and send no more of it."""
        self.cancel(ticket)
        with self._lock:
            self._jobs.pop(ticket, None)
            self._changed()

    def dismiss_ended(self) -> None:
        """Forget the entries of which everything was sent, or that were cancelled."""
        done = EntryState.DONE, EntryState.CANCELLED
        with self._lock:
            self._jobs = {n: job for n, job in self._jobs.items() if job.state not in done or job.failures}
            self._changed()

    def waiting_for(self, target: Target) -> int:
        """Return how many images wait for this viewer, or for one on its port."""
        with self._lock:
            jobs = [job for job in self._jobs.values() if _place(job.target) == _place(target)]
            return sum(job.waiting for job in jobs)

    @property
    def waiting(self) -> int:
        """How many images wait, for all viewers."""
        with self._lock:
            return sum(job.waiting for job in self._jobs.values())

    def know(self, targets: Iterable[Target]) -> None:
        """Say which viewers run: entries tell that theirs does not, and begin again with its successor."""
        running = {_place(target): target.viewer_run for target in targets}
        with self._lock:
            if running != self._running:
                self._running = running
                self._changed()
        self._news.set()

    def close(self) -> None:
        """Cancel everything and wait, two seconds at most, for the threads; a second time is harmless."""
        self._closing.set()
        self._news.set()
        self.cancel_all()
        with self._lock:
            threads = list(self._threads.values())
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _begin_again(self, ticket: int, which: Callable[[Job], Sequence[int]]) -> None:
        with self._lock:
            job = self._jobs.get(ticket)
            if job is None or job.state not in ENDED:
                return
            job.begin_again(which(job), self._clock())
            self._enqueue(job)

    def _enqueue(self, job: Job) -> None:
        place = _place(job.target)
        self._queues.setdefault(place, deque()).append(job)
        self._changed()
        if place not in self._threads and not self._closing.is_set():
            thread = threading.Thread(target=self._work, args=(place,), name=f"hcs-send-{place[1]}")
            self._threads[place] = thread
            thread.daemon = True  # a viewer that hangs keeps no window from being closed
            thread.start()

    # The thread of one viewer.

    def _work(self, place: Place) -> None:
        while job := self._next(place):
            try:
                self._send(job)
            except CancelledError:
                self._end(job, EntryState.CANCELLED)
            except ReplacedError:
                self._begin_again_with_successor(job)
            except (HcsError, OSError, ValueError) as error:
                self._end(job, EntryState.FAILED, str(error))
            except Exception as error:
                logger.exception("images not sent viewer=%s:%d", *place)
                self._end(job, EntryState.FAILED, f"{type(error).__name__}: {error}")
            else:
                self._end(job, EntryState.DONE)

    def _next(self, place: Place) -> Job | None:
        with self._lock:
            queue = self._queues[place]
            if queue and not self._closing.is_set():
                job = queue.popleft()
                job.state, job.began_at = EntryState.CONNECTING, self._clock()
                self._changed()
                return job
            del self._queues[place], self._threads[place]
            return None

    def _send(self, job: Job) -> None:
        stream = self._connected(job)
        refused = stream.counters.refused
        try:
            declare(stream, job.images, job.plate)
            sender = Sender(
                stream,
                stalled=lambda error: self._stalled(job, stream),
                waits=lambda: self._check(job, stream),
            )
            for _, failure in sender.each(job.pending_images()):
                self._note(job, failure)
                self._check(job, stream)
            stream.end_run()
            self._flush(job, stream)
        except CancelledError:
            stream.end_run(state="cancelled")
            raise
        finally:
            hurries = self._closing.is_set() or job.state is EntryState.STALLED
            stream.close(STREAM_SECONDS if hurries else SETTLE_SECONDS)
            job.refused += stream.counters.refused - refused

    def _connected(self, job: Job) -> Stream:
        while True:
            self._check(job)
            try:
                stream = self._connect(job.target, job.run)
            except HandshakeRefusedError:
                raise
            except (ViewerStalledError, ConnectionFileError):
                self._news.clear()
                self._news.wait(self._retry_seconds)
            else:
                job.viewer_run = _viewer_run_of(stream)
                self._say(job, EntryState.SENDING)
                return stream

    def _flush(self, job: Job, stream: Stream) -> None:
        while True:
            self._check(job, stream)
            try:
                stream.flush(FLUSH_SECONDS)
            except ViewerStalledError:
                self._stalled(job, stream)
            else:
                return self._check(job, stream)

    def _note(self, job: Job, failure: Exception | None) -> None:
        with self._lock:
            job.note(failure)
            if job.state is EntryState.STALLED:
                job.state = EntryState.SENDING
            self._changed()

    def _stalled(self, job: Job, stream: Stream) -> None:
        self._check(job, stream)
        self._say(job, EntryState.STALLED)

    def _check(self, job: Job, stream: Stream | None = None) -> None:
        if job.is_cancelled or self._closing.is_set():
            raise CancelledError("sending was cancelled")
        now = _viewer_run_of(stream) if stream is not None else ""
        if job.viewer_run and now and now != job.viewer_run:
            raise ReplacedError("another viewer is on the port")

    def _viewer_run(self, job: Job) -> str:
        """Return which viewer is where these images go, as far as that is known."""
        return (self._running or {}).get(_place(job.target), "")

    def _begin_again_with_successor(self, job: Job) -> None:
        if job.is_cancelled:  # while the stream was closed
            self._end(job, EntryState.CANCELLED)
            return
        with self._lock:
            job.begin_again(job.all(), self._clock())
            self._queues[_place(job.target)].appendleft(job)
            self._changed()

    def _say(self, job: Job, state: EntryState) -> None:
        with self._lock:
            job.state = state
            self._changed()

    def _end(self, job: Job, state: EntryState, problem: str = "") -> None:
        with self._lock:
            job.end(state, self._clock(), problem)
            self._changed()

    def _changed(self) -> None:
        self.revision += 1

    def _entry(self, job: Job) -> Entry:
        is_there = self._running is None or _place(job.target) in self._running
        has_them = is_there and (not job.viewer_run or self._viewer_run(job) in {"", job.viewer_run})
        return job.entry(self._clock(), viewer_is_there=is_there, viewer_has_them=has_them)


def _viewer_run_of(stream: Stream) -> str:
    """Return which life of its viewer has what was sent; empty while there is none."""
    return next(iter(stream.viewer_runs.values()), "")


def _place(target: Target) -> Place:
    return target.host, target.data_port
