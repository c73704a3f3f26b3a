"""The sockets to one viewer, shared by all streams of a process; sends on the caller's thread.

One lock guards sockets and delivery. A caller holds it for the send alone; a thread in the background takes
releases, says beats, opens sessions and sends what had to wait. Whoever holds it leaves control drained.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
import zmq
from hcs_protocol import (
    BlockLender,
    BlockReleased,
    Connection,
    Credit,
    FrameRef,
    HcsError,
    ImageReady,
    ImageRefused,
    ImageShown,
    Message,
    PoolFullError,
    ViewerStalledError,
    Welcome,
    new_id,
)

from ._batches import batches
from ._delivery import Delivery, Held, Outgoing, Owed, StreamCounters
from ._holdings import Holdings
from ._session import Phase, Session

logger = logging.getLogger(__name__)

STUCK_SECONDS = 2.0
SLOWEST_NBYTES_PER_SECOND = 1e6  # what a frame may need on a slow link before it counts as stuck
LOOK_SECONDS = 0.05
REFUSED_SECONDS = 2.0
GOODBYE_SECONDS = 2.0


class Publisher:
    """Owes one viewer what the streams of this process publish, until it is adopted."""

    def __init__(
        self,
        find: Callable[[], Connection | None],
        make_lender: Callable[[], BlockLender],
        *,
        label: str,
        stall_timeout: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; `start` is the first to touch the world.

        Args:
            find: Looks for the viewer's connection file.
            make_lender: Makes the pool whose blocks carry the pixels.
            label: How errors call the viewer while none was found, ``"localhost:5555"``.
            stall_timeout: Seconds to wait for a free block.
            clock: Seconds; says when beats are due and what is late.
        """
        self._find = find
        self._make_lender = make_lender
        self._label = label
        self._stall_timeout = stall_timeout
        self._clock = clock
        self._inherited: list[object] = []
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._closing = threading.Event()
        self._worker_run = new_id()
        self._delivery = Delivery()
        self._session: Session | None = None
        self._holdings: Holdings | None = None
        self._thread: threading.Thread | None = None
        self._awaited: tuple[Owed | None, float] = (None, 0.0)
        self.refusal: str | None = None
        """Why the viewer did not want this worker when it last said Hello."""

    def leave_to_parent(self) -> None:
        """In a forked child: begin anew, with sockets and blocks of its own; the parent's are not touched."""
        self._inherited += [self._session, self._holdings, self._delivery]
        self._begin()

    # What streams call.

    def start(self) -> None:
        """Make the pool and look for the viewer in the background; a second time is harmless."""
        with self._lock:
            if self._thread is None:
                self._holdings = Holdings(self._make_lender())
                self._thread = threading.Thread(target=self._run, name=f"hcs-publisher-{self._label}", daemon=True)
                self._thread.start()

    def hold(self, nbytes: int) -> Held:
        """Return room for the pixels of one image, as soon as there is some.

        Raises:
            ViewerStalledError: No block was released within ``stall_timeout`` seconds.
        """
        if self._thread is None:
            self.start()
        deadline = time.monotonic() + self._stall_timeout
        with self._sending() as holdings:
            while True:
                self._receive()
                try:
                    return holdings.hold(nbytes)
                except PoolFullError as error:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise self._stalled(self._stall_timeout) from error
                    self._send_allowed()
                    self._changed.wait(left)

    def give_back(self, held: Held) -> None:
        """Take back room that was not published after all."""
        with self._sending() as holdings:
            holdings.give_back(held)
            self._changed.notify_all()

    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        """Number these and send what the credit allows; returns at once."""
        if self._thread is None:
            self.start()
        with self._sending():
            self._receive()
            self._delivery.enqueue(outgoing)
            self._send_allowed()
            self._receive()

    def wait_until_open(self, timeout: float) -> bool:
        """Wait until the viewer hears this worker or refuses it; says whether either came about."""
        with self._changed:
            return self._changed.wait_for(lambda: self.is_open or self.refusal is not None, timeout)

    def flush(self, timeout: float) -> None:
        """Wait until everything published so far is adopted.

        Raises:
            ViewerStalledError: It is not within this many seconds.
        """
        with self._changed:
            goal = self._delivery.last
            if not self._changed.wait_for(lambda: self._delivery.oldest > goal, timeout):
                raise self._stalled(timeout)

    def close(self, timeout: float) -> int:
        """Wait until everything is adopted, say Goodbye, close; returns how many items were not adopted."""
        deadline = time.monotonic() + timeout
        try:
            self.flush(timeout)
            self._say_goodbye(min(GOODBYE_SECONDS, max(0.0, deadline - time.monotonic())))
        except ViewerStalledError:
            pass  # the caller says how many are left
        finally:
            self._stop()
        return self._delivery.owed

    @property
    def is_open(self) -> bool:
        """Whether the viewer hears this worker."""
        return self._session is not None and self._session.phase is Phase.OPEN

    @property
    def counters(self) -> StreamCounters:
        """What became of the images so far."""
        with self._lock:
            return self._delivery.counters

    # What comes back, and what the credit then lets go. The lock is held.

    def _receive(self) -> None:
        if self._session is None:
            return
        for message in self._session.receive():
            self._take(message)
            self._changed.notify_all()

    def _take(self, message: Message) -> None:
        match message:
            case Welcome(credit_images=images, credit_nbytes=nbytes) | Credit(images=images, nbytes=nbytes):
                self._delivery.credit_images, self._delivery.credit_nbytes = images, nbytes
            case BlockReleased(sequences=sequences):
                for sequence in sequences:
                    self._end(self._delivery.adopt(sequence))
            case ImageRefused(sequence=sequence, reason=reason, send_frame=send_frame):
                if owed := self._delivery.refuse(sequence, send_frame=send_frame):
                    logger.error("image refused viewer=%s sequence=%d reason=%s", self._name, sequence, reason)
                    self._end(owed)
            case ImageShown(sequences=sequences):
                self._delivery.show(len(sequences))
            case _:
                logger.debug("message ignored type=%s", type(message).__name__)

    def _end(self, owed: Owed | None) -> None:
        if owed and owed.held and self._holdings:
            self._holdings.give_back(owed.held)

    def _send_allowed(self) -> None:
        session = self._session
        if session is None or session.phase is not Phase.OPEN:
            return
        try:
            for batch in batches(self._delivery.take(), by_block=session.by_block):
                self._send(session, batch)
        except zmq.ZMQError as error:
            logger.debug("send failed viewer=%s error=%s", self._name, error)
            session.end()

    def _send(self, session: Session, batch: list[Owed]) -> None:
        first = batch[0]
        if first.held and first.needs_frame(by_block=session.by_block):
            pixels = FrameRef(frame=1, nbytes=first.nbytes)
            framed: ImageReady = msgspec.structs.replace(first.item, pixels=pixels)
            session.send(self._delivery.oldest, [framed], first.held.pixels)
        else:
            session.send(self._delivery.oldest, [owed.item for owed in batch])

    # How the callers' part begins and ends.

    @contextmanager
    def _sending(self) -> Iterator[Holdings]:
        with self._lock:
            if self._holdings is None:
                raise RuntimeError("this stream is closed")
            try:
                yield self._holdings
            except HcsError:
                raise
            except BaseException:
                if self._session:
                    self._session.end()  # Ctrl-C may have left half a message in the socket
                raise

    @property
    def _name(self) -> str:
        if self._session is None:
            return f"no viewer for {self._label}"
        connection = self._session.connection
        return f"{connection.title!r} on port {connection.data_port}"

    def _stalled(self, seconds: float) -> ViewerStalledError:
        left = self._delivery.owed
        return ViewerStalledError(f"in {seconds:g} s not all was adopted, {left} are left: viewer {self._name}")

    def _say_goodbye(self, timeout: float) -> None:
        with self._changed:
            session = self._session
            if session is None or session.phase is not Phase.OPEN:
                return
            session.say_goodbye(self._delivery.last)
            self._receive()
            self._changed.wait_for(lambda: session.said_goodbye or session.phase is Phase.OVER, timeout)

    def _stop(self) -> None:
        self._closing.set()
        if self._thread:
            self._thread.join()
        with self._lock:
            holdings, self._holdings = self._holdings, None
        if holdings:
            holdings.close()

    # What the thread in the background does.

    def _run(self) -> None:
        while not self._closing.is_set():
            session = self._session
            try:
                if session is None:
                    self._look()
                else:
                    session.poll()
                    self._look_after(session)
            except Exception:  # the outermost loop of this thread
                logger.exception("publisher failed viewer=%s", self._name)
                self._closing.wait(LOOK_SECONDS)
        with self._lock:
            self._drop_session()

    def _look(self) -> None:
        connection = self._find()
        if connection is None:
            self._closing.wait(LOOK_SECONDS)
        else:
            with self._lock:
                self._greet(connection)

    def _greet(self, connection: Connection) -> None:
        lender = self._holdings.lender if self._holdings else None
        self._session = Session(
            connection,
            worker_run=self._worker_run,
            name=f"{socket.gethostname()}:{os.getpid()}",
            offer=lender.offer if lender else None,
            nonce=lender.nonce if lender else None,
            clock=self._clock,
        )

    def _look_after(self, session: Session) -> None:
        gone = session.is_late and not self._still_there(session)
        with self._lock:
            self._receive()
            if gone or session.is_silent or self._is_stuck(session):
                session.end()
            if session.phase is not Phase.OVER:
                session.tick(self._delivery.last_sent)
                self._send_allowed()
                self._receive()
                return
            self._drop_session()
        self._closing.wait(REFUSED_SECONDS if self.refusal else LOOK_SECONDS)

    def _still_there(self, session: Session) -> bool:
        found = self._find()
        return found is not None and found.viewer_run == session.connection.viewer_run

    def _is_stuck(self, session: Session) -> bool:
        awaited = self._delivery.awaited
        if awaited is not self._awaited[0]:
            self._awaited = awaited, self._clock()
        if awaited is None:
            return False
        by_frame = awaited.needs_frame(by_block=session.by_block)
        patience = STUCK_SECONDS + (awaited.nbytes / SLOWEST_NBYTES_PER_SECOND if by_frame else 0.0)
        return self._clock() - self._awaited[1] > patience

    def _drop_session(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        session.close()
        if session.was_open and not session.said_goodbye:
            logger.warning("viewer lost viewer=%s in_flight=%d", self._label, self._delivery.in_flight)
        if session.refusal not in {None, self.refusal}:
            logger.error("viewer refused viewer=%s reason=%s", self._label, session.refusal)
        self.refusal = session.refusal
        self._delivery.lose_session()
        self._awaited = None, 0.0
        self._changed.notify_all()
