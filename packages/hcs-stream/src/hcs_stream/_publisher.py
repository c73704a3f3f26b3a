"""The sockets to one viewer, shared by all streams of a process; sends on the caller's thread.

One lock guards everything. A caller holds it for the send alone; a thread in the background takes releases,
says beats, opens sessions and sends what had to wait. Whoever holds the lock leaves control drained.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from hcs_protocol import (
    BlockLender,
    Connection,
    HcsError,
    PoolFullError,
    ViewerStalledError,
)

from ._delivery import Delivery, Held, Outgoing, StreamCounters
from ._holdings import Holdings
from ._link import Link

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.05
REFUSED_SECONDS = 2.0
GOODBYE_SECONDS = 2.0
GRACE_SECONDS = 2.0
"""How long closing waits without a word."""


class Publisher:
    """Owes one viewer what the streams of this process publish, until it is adopted."""

    def __init__(
        self,
        find: Callable[[], Connection | None],
        make_lender: Callable[[], BlockLender | None],
        *,
        label: str,
        stall_timeout: float = 60.0,
        started: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; the world is not touched before something is published, or `start`.

        Args:
            find: Looks for the viewer's connection file.
            make_lender: Makes the pool whose blocks carry the pixels; None where there is no shared memory.
            label: How errors call the viewer while none is there, ``"localhost:5555"``.
            stall_timeout: Seconds to wait for a free block.
            started: Called when it starts, in a forked child as well.
            clock: Seconds; says when beats are due and what is late.
        """
        self._find = find
        self._make_lender = make_lender
        self._label = label
        self._stall_timeout = stall_timeout
        self._started = started
        self._clock = clock
        self._inherited: list[object] = []
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._closing = threading.Event()
        self._link: Link | None = None
        self._thread: threading.Thread | None = None

    def leave_to_parent(self) -> None:
        """In a forked child: begin anew, owing nothing; the parent's sockets and blocks are not touched."""
        self._inherited += [self._link, self._thread]  # kept, so that nobody closes them
        self._begin()

    def start(self) -> None:
        """Make the pool and look for the viewer in the background; a second time is harmless."""
        with self._lock:
            if self._link is None and not self._closing.is_set():
                self._link = Link(self._label, Holdings(self._make_lender()), self._clock)
                self._thread = threading.Thread(target=self._run, args=[self._link], daemon=True)
                self._thread.name = f"hcs-publisher-{self._label}"
                self._thread.start()
                self._started()

    # What streams call.

    def hold(self, nbytes: int, *, wait: bool = True) -> Held:
        """Return room for the pixels of one image, as soon as there is some.

        Raises:
            ViewerStalledError: No block was released within ``stall_timeout`` seconds.
            PoolFullError: There is no room now, and it is not to be waited for.
        """
        deadline = time.monotonic() + self._stall_timeout
        with self._sending() as link:
            while True:
                self._receive(link)
                try:
                    return link.holdings.hold(nbytes)
                except PoolFullError as error:
                    if not wait:
                        raise
                    link.send_allowed()
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise self._stalled(link, self._stall_timeout) from error
                    self._changed.wait(left)

    def give_back(self, held: Held) -> None:
        """Take back room that is not published after all."""
        with self._sending() as link:
            link.holdings.give_back(held)
            self._changed.notify_all()

    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        """Number these and send what the credit allows, the rest later; returns at once."""
        with self._sending() as link:
            self._receive(link)
            link.delivery.enqueue(outgoing)
            link.send_allowed()
            self._receive(link)

    def wait_until_open(self, timeout: float) -> bool:
        """Wait until the viewer hears this worker, or refuses it; says whether it hears it."""
        with self._sending() as link:
            self._changed.wait_for(lambda: link.is_open or link.refusal, timeout)
            return link.is_open

    @property
    def refusal(self) -> str | None:
        """Why the viewer did not want this worker when it last said Hello."""
        return self._link.refusal if self._link else None

    @property
    def counters(self) -> StreamCounters:
        """What became of the images so far."""
        if self._link is None:
            return Delivery().counters
        with self._lock:
            return self._link.delivery.counters

    def flush(self, timeout: float) -> None:
        """Wait until everything published so far is adopted.

        Raises:
            ViewerStalledError: It is not within this many seconds.
        """
        if self.settle(timeout) and self._link:
            raise self._stalled(self._link, timeout)

    def settle(self, timeout: float) -> int:
        """Wait until everything published so far is adopted; returns how many items are not after all."""
        with self._changed:
            if (link := self._link) is None:
                return 0
            goal = link.delivery.last
            settled = self._changed.wait_for(lambda: link.delivery.oldest > goal, timeout)
            return 0 if settled else link.delivery.owed

    def close(self, timeout: float) -> int:
        """Wait until everything is adopted, say Goodbye, close; returns how many items were not adopted.

        A second time is harmless.
        """
        try:
            left = self.settle(min(timeout, GRACE_SECONDS))
            if left:
                self._say_what_is_waited_for(timeout)
                left = self.settle(max(0.0, timeout - GRACE_SECONDS))
            if not left:
                self._say_goodbye()
        finally:
            self._closing.set()
            if self._thread:
                self._thread.join()
            if self._link:
                self._link.holdings.close()
        return left

    def __repr__(self) -> str:
        viewer = self._link.viewer if self._link else self._label
        return f"<Publisher to {viewer}>"

    @contextmanager
    def _sending(self) -> Iterator[Link]:
        if self._link is None:
            self.start()
        with self._lock:
            if self._link is None or self._closing.is_set():
                raise RuntimeError("this stream is closed")
            try:
                yield self._link
            except HcsError:
                raise
            except BaseException:
                self._link.interrupt()
                raise

    def _receive(self, link: Link) -> None:
        if link.receive():
            self._changed.notify_all()

    def _stalled(self, link: Link, seconds: float) -> ViewerStalledError:
        left = link.delivery.owed
        return ViewerStalledError(f"{left} images are left after {seconds:g} s: viewer {link.viewer}")

    def _say_what_is_waited_for(self, timeout: float) -> None:
        with self._lock:
            if self._link and self._link.session is None and (left := self._link.delivery.owed):
                hint = f"start one with 'hcs-viewer --data-port {self._label.rpartition(':')[2]}'"
                logger.warning("no viewer %s left=%d waiting=%g s; %s", self._label, left, timeout, hint)

    def _say_goodbye(self) -> None:
        with self._changed:
            link = self._link
            if link is None or link.session is None or not link.is_open:
                return
            session = link.session
            session.say_goodbye(link.delivery.last)
            self._receive(link)
            self._changed.wait_for(
                lambda: session.said_goodbye or link.session is not session, GOODBYE_SECONDS
            )

    # What the thread in the background does.

    def _run(self, link: Link) -> None:
        while not self._closing.is_set():
            try:
                self._look_after(link)
            except Exception:  # the outermost loop of this thread
                logger.exception("publisher failed viewer=%s", self._label)
                self._closing.wait(LOOK_SECONDS)
        with self._lock:
            link.drop()

    def _look_after(self, link: Link) -> None:
        session = link.session
        if session is None:
            connection = self._find()
            if connection:
                with self._lock:
                    link.greet(connection)
        else:
            session.poll()
            gone = session.is_late and not self._is_there(session.connection)
            with self._lock:
                self._receive(link)
                if gone or link.is_lost():
                    link.drop()
                else:
                    link.tick()
                    link.send_allowed()
                self._receive(link)
        if link.session is None:
            self._closing.wait(REFUSED_SECONDS if link.refusal else LOOK_SECONDS)

    def _is_there(self, connection: Connection) -> bool:
        found = self._find()
        return found is not None and found.viewer_run == connection.viewer_run
