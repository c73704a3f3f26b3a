"""What this process owes one viewer, from all its streams; sends on the caller's thread.

A caller has the link's lock for the send alone. A `Caretaker` in the background does all that cannot wait for
the next caller: it takes releases, says beats, opens sessions and sends what had to wait.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from hcs_protocol import Connection, Destination, ViewerStalledError

from ._caretaker import Caretaker
from ._counters import StreamCounters
from ._delivery import FLOOD
from ._held import Held
from ._holdings import Holdings
from ._link import Link
from ._overflow import OverflowSetting
from ._owed import Owed
from ._shared_link import SharedLink
from ._whereabouts import LOCAL_HOSTS

logger = logging.getLogger(__name__)

GOODBYE_SECONDS = 2.0
GRACE_SECONDS = 2.0
"""How long closing waits without a word."""
NEWS_SECONDS = 0.05
"""Another thread may hear what this one waits for."""


class Publisher:
    """Owes one viewer what the streams of this process publish, until it is adopted."""

    def __init__(
        self,
        find: Callable[[], Connection | None],
        holdings: Holdings,
        *,
        label: str,
        is_gone: Callable[[Connection], bool] = lambda connection: False,
        started: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; the world is not touched before something is published, or `start`.

        Args:
            find: Looks for the viewer's connection file.
            holdings: Where the pixels lie until they are adopted; this process's one for all its viewers.
            label: Host and port that were asked for, ``"localhost:5555"``.
            is_gone: Says whether the process of a viewer is proven to be gone.
            started: Called when it starts, in a forked child as well.
            clock: Seconds; says when beats are due and what is late.
        """
        self.label = label
        self._find = find
        self._holdings = holdings
        self._is_gone = is_gone
        self._started = started
        self._clock = clock
        self._inherited: list[object] = []
        self._begin()

    def _begin(self) -> None:
        self._starting = threading.Lock()
        self._shared: SharedLink | None = None
        self._caretaker: Caretaker | None = None
        self._closed = False

    def leave_to_parent(self) -> None:
        """In a forked child: begin anew, owing nothing; the parent's sockets are not touched."""
        self._inherited += [self._shared, self._caretaker]  # kept, so that nobody closes them
        self._begin()

    def start(self) -> None:
        """Look for the viewer in the background; a second time is harmless."""
        with self._starting:
            if self._shared is not None or self._closed:
                return
            self._holdings.join()
            shared = SharedLink(Link(self.label, self._holdings, self._clock))
            self._caretaker = Caretaker(shared, self._holdings, self._find, self._is_gone, self._clock)
            self._caretaker.start()
            self._shared = shared
            self._started()

    # What streams call.

    def destination(self) -> Destination:
        """Name this viewer, and the next image published to it, in the crash journal."""
        shared = self._open() if self._shared is None else self._shared
        return shared.link.destination()

    def next_number(self) -> int:
        """Return by which number the next item is sent, unless some are dropped or others overtake it."""
        return 1 if self._shared is None else self._shared.link.delivery.published + 1

    def publish(self, owed: Sequence[Owed], setting: OverflowSetting) -> None:
        """Queue these and send what the credit allows, the rest later; returns at once."""
        shared = self._open() if self._shared is None or self._closed else self._shared
        with shared.lock:  # and not `shared`, whose two methods cost more than the rest of this one
            try:
                now, link = self._clock(), shared.link
                link.setting = setting
                if link.frames.are_compressed:
                    link.frames.note(owed)
                    shared.wake_compressor()
                waited, in_flight = link.delivery.enqueue(owed, now)
                if in_flight < FLOOD or not link.gathers():
                    self._send(shared, waited, in_flight)
            except BaseException as error:
                shared.interrupted_by(error)
                raise
        shared.expect_callers(now)

    def _send(self, shared: SharedLink, waited: int, in_flight: int) -> None:
        """Send what may go and hear the viewer: afterwards, unless others wait already for what it says."""
        link = shared.link
        if not waited:
            link.send_queued()
        if in_flight:  # else there is nothing to be told
            shared.receive()
        if waited or in_flight:
            link.send_queued()

    def collect(self) -> None:
        """Take what the viewer released, and send what may go."""
        shared = self._open()
        with shared.lock, shared as link:
            shared.receive()
            link.send_allowed()

    def await_news(self, timeout: float) -> None:
        """Wait until the viewer says something, at most so many seconds; no other thread need wake for it."""
        shared = self._open()
        shared.waits_at = self._clock()
        if session := shared.link.session:
            session.poll(min(timeout, NEWS_SECONDS))
        else:
            shared.closing.wait(timeout)

    def drop(self, policy: str, layer: str | None = None) -> bool:
        """Give up the oldest unsent image, of this layer or any; says whether there was one."""
        shared = self._open()
        with shared.lock, shared as link:
            is_dropped = link.delivery.drop(policy, layer, reads=link.shares_file)
            if is_dropped:
                shared.changed.notify_all()
            return is_dropped

    def owes(self, held: Held) -> bool:
        """Say whether these pixels were published to this viewer and are not released."""
        if (shared := self._shared) is None:
            return False
        with shared.lock:
            return shared.link.delivery.owes(held)

    def wait_until_open(self, timeout: float) -> bool:
        """Wait until the viewer hears this worker, or refuses it; says whether it hears it."""
        shared = self._open()
        with shared.lock, shared as link:
            shared.changed.wait_for(lambda: link.is_open or link.refusal, timeout)
            return link.is_open

    @property
    def refusal(self) -> str | None:
        """Why the viewer did not want this worker when it last said Hello."""
        return self._shared.link.refusal if self._shared else None

    @property
    def viewer_run(self) -> str:
        """Which life of the viewer has what was adopted last; empty while there is none."""
        viewer = self._shared.link.last_viewer if self._shared else None
        return viewer.viewer_run if viewer else ""

    @property
    def owed(self) -> int:
        """How many items are not released yet."""
        return self._shared.link.delivery.owed if self._shared else 0

    @property
    def counters(self) -> StreamCounters:
        """What became of the images so far."""
        if self._shared is None:
            return StreamCounters()
        with self._shared.lock:
            return self._shared.link.delivery.counters

    @property
    def viewer(self) -> str:
        """How errors and the log call the viewer."""
        return self._shared.link.viewer if self._shared else self.label

    def flush(self, timeout: float) -> None:
        """Wait until everything published so far is adopted.

        Raises:
            ViewerStalledError: It is not within this many seconds.
        """
        if self.settle(timeout):
            raise self.stalled(timeout)

    def settle(self, timeout: float) -> int:
        """Wait until everything published so far is adopted; returns how many items are not, after all."""
        if (shared := self._shared) is None:
            return 0
        delivery = shared.link.delivery
        with shared.lock:
            goal = delivery.published
            with shared.waited_for():
                settled = shared.changed.wait_for(lambda: delivery.settled >= goal, timeout)
            return 0 if settled else delivery.owed

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
            self._end()
        return left

    @property
    def left(self) -> tuple[int, int]:
        """How many images are owed: in shared memory or on disk, where they outlive this process; and not.

        Of those that a policy left to their files nobody will know.
        """
        if (shared := self._shared) is None:
            return 0, 0
        with shared.lock:
            images = [owed.held for owed in shared.link.delivery.left() if owed.is_image]
        kept = sum(held is not None and held.ref is not None for held in images)
        return kept, len(images) - kept

    def stalled(self, seconds: float) -> ViewerStalledError:
        """Return the error that says which viewer took nothing for so long, and how many images are left."""
        return ViewerStalledError(f"{self.owed} images are left after {seconds:g} s: viewer {self.viewer}")

    def __repr__(self) -> str:
        return f"<Publisher to {self.viewer}>"

    def _open(self) -> SharedLink:
        if self._shared is None:
            self.start()
        if self._shared is None or self._closed:
            raise RuntimeError("this stream is closed")
        return self._shared

    def _end(self) -> None:
        with self._starting:
            self._closed = True
            caretaker, self._caretaker = self._caretaker, None
        if caretaker and self._shared:
            self._shared.close()
            caretaker.join()
            self._holdings.leave_behind(self._shared.link.delivery.left())
            self._holdings.leave()

    def _say_what_is_waited_for(self, timeout: float) -> None:
        if self._shared and self._shared.link.session is None and self.owed:
            host, _, port = self.label.rpartition(":")
            where = "" if host in LOCAL_HOSTS else "on that machine "
            hint = f"start one {where}with 'hcs-viewer --data-port {port}'"
            logger.warning("no viewer %s left=%d waiting=%.3g s; %s", self.label, self.owed, timeout, hint)

    def _say_goodbye(self) -> None:
        if (shared := self._shared) is None:
            return
        with shared.lock:
            link = shared.link
            if (session := link.session) is None or not link.is_open:
                return
            session.say_goodbye(link.delivery.last)
            shared.receive()
            with shared.waited_for():
                shared.changed.wait_for(
                    lambda: session.said_goodbye or link.session is not session, GOODBYE_SECONDS
                )
