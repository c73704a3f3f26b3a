"""Session, delivery and blocks of one viewer: what comes back changes what is owed, what is owed goes out.

The publisher's lock is held around every call. No thread, no lock in here: the publisher has those.
"""

import itertools
import logging
import os
import socket
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
import zmq

from hcs_protocol import (
    BlockReleased,
    Connection,
    Credit,
    Destination,
    FileRef,
    FrameRef,
    HcsError,
    ImageReady,
    ImageRefused,
    ImageShown,
    Item,
    Message,
    Welcome,
    WorkerStatus,
    names_below,
    new_id,
)

from ._delivery import Delivery
from ._frames import Frames, check_frame
from ._held import Held
from ._holdings import Holdings
from ._latency import Durations
from ._overflow import OverflowSetting
from ._owed import Owed
from ._patience import Patience
from ._session import OPEN, OVER, Session
from ._whereabouts import LOCAL_HOSTS, is_here

logger = logging.getLogger(__name__)

GATHERED_NBYTES = 1 << 19
"""Smaller images wait for each other in a flood: a message of several costs both sides less."""


class Link:
    """One worker_run's link to the viewer, or the viewers one after another, of a port."""

    def __init__(self, label: str, holdings: Holdings, clock: Callable[[], float]) -> None:
        self.delivery = Delivery(holdings.release)
        self.holdings = holdings
        self.session: Session | None = None
        self.doubted: dict[str, Connection] = {}
        """Viewers that may still read what a session that is over announced, by viewer_run."""
        self.last_viewer: Connection | None = None
        """Whom the latest session was, or is, with; None when its process is gone."""
        self.setting: OverflowSetting | None = None
        """The policy of the stream that published last, for the viewer to tell."""
        self.refusal: str | None = None
        """Why the viewer did not want this worker when it last said Hello."""
        self.frames = Frames()
        self.label = label
        self._host, _, data_port = label.rpartition(":")
        self._data_port = int(data_port)
        self._clock = clock
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._worker_run = new_id()
        self._published = itertools.count(1)
        self._queued_for = Durations()
        self._said: WorkerStatus | None = None
        self._patience = Patience(clock)

    @property
    def is_open(self) -> bool:
        """Whether the viewer hears this worker."""
        return self.session is not None and self.session.phase is OPEN

    @property
    def viewer(self) -> str:
        """How errors and the log call the viewer; one that is hung is not called dead."""
        if self.last_viewer is None:
            return f"{self.label} (not running)"
        name = f"{self.last_viewer.title!r} on port {self.last_viewer.data_port}"
        return name if self.is_open else f"{name} (not answering)"

    def greet(self, connection: Connection) -> None:
        """Begin a session with this viewer."""
        self._said = None
        self.last_viewer = connection
        self.frames.is_here = is_here(connection)
        self.session = Session(
            connection,
            worker_run=self._worker_run,
            name=self._name,
            offer=self.holdings.offer,
            nonce=self.holdings.nonce,
            clock=self._clock,
        )

    def destination(self) -> Destination:
        """Name this viewer, and the next image published to it, in the crash journal."""
        return Destination(
            worker_run=self._worker_run,
            published=next(self._published),
            host=self._host,
            data_port=self._data_port,
        )

    def receive(self) -> bool:
        """Take everything that the viewer said; says whether it was anything."""
        if self.session is None:
            return False
        phase = self.session.phase
        received = False
        for message in self.session.receive():
            self._take(message)
            received = True
        if (seconds := self.session.take_answer_seconds()) is not None:
            self._patience.note_answer(seconds)
        return received or self.session.phase is not phase or self.session.said_goodbye

    def gathers(self) -> bool:
        """Say whether what waits had better wait for more: nothing need be heard or sent."""
        by_block = self.session is not None and self.session.by_block
        return by_block and self.delivery.gathers(GATHERED_NBYTES)

    def send_allowed(self) -> None:
        """Send what the credit lets go, unless it had better wait for more."""
        if not self.gathers():
            self.send_queued()

    def send_queued(self) -> None:
        """Send all that the credit lets go, if the session is open."""
        session = self.session
        if session is None or session.phase is not OPEN:
            return
        try:
            by_block, window = session.by_block, self.holdings.window_nbytes
            is_ready = None if by_block else self._readiness(session)
            while batch := self.delivery.take(window, is_ready, by_block=by_block):
                try:
                    self._send(session, batch)
                except HcsError as error:
                    self._give_up(batch, error)
        except zmq.ZMQError as error:
            logger.debug("send failed viewer=%s error=%s", self.viewer, error)
            session.end()

    def interrupt(self) -> None:
        """Give the session up: Ctrl-C may have left half a message in its socket, or a release half done."""
        if self.session:
            self.session.end()
        else:
            self.delivery.put_in_order()

    def is_lost(self) -> bool:
        """Say whether the session has to be begun anew."""
        session = self.session
        if session is None or session.phase is OVER:
            return session is not None
        by_frame = session.was_open and not session.by_block
        if session.is_silent(self._patience.for_answer(self.delivery.largest_in_flight, by_frame=by_frame)):
            if by_frame:
                self._patience.note_silence()
            return True
        return self._is_stuck(session)

    def tick(self) -> None:
        """Say what is due."""
        if self.session:
            self.session.tick(self.delivery.last_sent, self._news)

    @property
    def status(self) -> WorkerStatus:
        """What became of the images so far, for the viewer to tell."""
        counted = self.delivery.counters
        durations = {"copy": self.holdings.copied_for, "queue": self._queued_for}
        latency = {hop: known for hop, lately in durations.items() if (known := lately.latency())}
        return WorkerStatus(
            name=self._name,
            overflow=str(self.setting.overflow) if self.setting else "",
            latency=latency,
            **{field: getattr(counted, field) for field in counted.__dataclass_fields__},
        )

    def drop(self) -> None:
        """Close the session's sockets; what was in flight is queued again. A second time is harmless."""
        session = self.session
        if session is None:
            return
        if session.was_open and not session.said_goodbye:
            logger.warning("viewer lost viewer=%s in_flight=%d", self.viewer, self.delivery.in_flight)
        session.close()
        if session.refusal not in {None, self.refusal}:
            logger.error("viewer refused viewer=%s reason=%r", self.viewer, session.refusal)
        self.refusal = session.refusal
        self.session = None
        self._patience.begin()
        self.doubted[session.connection.viewer_run] = session.connection
        self.delivery.lose_session()

    def let_go(self, viewer_run: str) -> None:
        """Note that this viewer reads nothing any more of what sessions that are over announced."""
        self.doubted.pop(viewer_run, None)
        self.delivery.let_go(viewer_run)
        if self.last_viewer and self.session is None and self.last_viewer.viewer_run == viewer_run:
            self.last_viewer = None

    def _let_go_at_welcome(self, viewer_run: str) -> None:
        """Of older sessions a viewer hears nothing any more; on another machine none reads our blocks.

        Nor does one whose ports the viewer has by now.
        """
        port = self.session.connection.data_port if self.session else None
        for doubted, connection in list(self.doubted.items()):
            is_elsewhere = not is_here(connection)
            if doubted == viewer_run or is_elsewhere or connection.data_port == port:
                self.let_go(doubted)

    def shares_file(self, file: FileRef) -> bool:
        """Say whether the viewer can be expected to read this file of the worker's."""
        if self.session is not None and self.session.was_open:
            mapped = any(names_below(file.path, folder) for folder in self.session.folders)
            return self.session.by_block or mapped
        if self.last_viewer is not None:
            return is_here(self.last_viewer)
        return self._host in LOCAL_HOSTS

    def move(self, owed: Owed, spilled: Held) -> None:
        """Let an image that waits lie there from now on."""
        before, place = owed.held, owed.place
        if before is None or not isinstance(owed.item, ImageReady):
            return
        owed.item = msgspec.structs.replace(owed.item, pixels=spilled.ref)
        spilled.holders.add(0)
        self.holdings.publish(spilled, owed.item, [before.destinations[place]])
        self.holdings.number(spilled, 0, owed.sequence)
        owed.held, owed.place = spilled, 0
        self.delivery.count_spilled()
        self.holdings.release(before, place)

    def _take(self, message: Message) -> None:
        match message:
            case Welcome(viewer_run=viewer_run, credit_images=images, credit_nbytes=nbytes):
                self._let_go_at_welcome(viewer_run)
                self.delivery.viewer_run = viewer_run
                self.delivery.credit_images, self.delivery.credit_nbytes = images, nbytes
            case Credit(images=images, nbytes=nbytes):
                self.delivery.credit_images, self.delivery.credit_nbytes = images, nbytes
            case BlockReleased(sequences=sequences):
                self._patience.note_progress()
                for sequence in sequences:
                    self.delivery.adopt(sequence)
            case ImageRefused(sequence=sequence, reason=reason, send_frame=send_frame):
                if self.delivery.refuse(sequence, send_frame=send_frame):
                    logger.error("image refused viewer=%s number=%d reason=%r", self.viewer, sequence, reason)
            case ImageShown(sequences=sequences):
                self.delivery.show(len(sequences))
            case _:
                logger.debug("message ignored type=%s", type(message).__name__)

    def _give_up(self, batch: Sequence[Owed], error: HcsError) -> None:
        """Take no more pains with what cannot even be said, or is not there any more."""
        for owed in batch:
            logger.error("image not sent viewer=%s number=%d reason=%s", self.viewer, owed.sequence, error)
            self.delivery.refuse(owed.sequence, send_frame=False)

    @property
    def may_compress(self) -> bool:
        """Whether there may be images that are to be compressed."""
        return self.session is not None and self.frames.may_compress(self.session)

    def next_uncompressed(self) -> tuple[Owed, str] | None:
        """Return the next image to compress, and by which codec; None if there is none now."""
        session = self.session
        if session is None or session.phase is not OPEN:
            return None
        owed = self.frames.next_uncompressed(self.delivery.queued, session)
        return None if owed is None else (owed, self.frames.codec(owed, session))

    def _readiness(self, session: Session) -> Callable[[Owed], bool] | None:
        """Return what says whether an image may go; None if all may."""
        if not self.frames.are_compressed:
            return None
        return partial(self.frames.is_ready, session=session)

    def _news(self) -> WorkerStatus | None:
        """Return the status, unless the viewer has heard it already."""
        status = self.status
        if status == self._said:
            return None
        self._said = status
        return status

    def _send(self, session: Session, batch: list[Owed]) -> None:
        now = self._clock()
        items: list[Item] = []
        for owed in batch:
            if owed.times_sent == 1:
                self._queued_for.add(now - owed.published_at)
            if owed.held is not None:
                self.holdings.number(owed.held, owed.place, owed.sequence)
            items.append(owed.item)
        first, frame = batch[0], None
        if first.held and first.needs_frame(by_block=session.by_block):
            check_frame(first.nbytes)
            compressed, codec = self.frames.take(first, session)
            frame = memoryview(compressed) if compressed else self.holdings.pixels(first.held)
            pixels = FrameRef(frame=1, nbytes=frame.nbytes, codec=codec)
            items = [msgspec.structs.replace(items[0], pixels=pixels)]
        session.send(self.delivery.oldest, items, frame)

    def _is_stuck(self, session: Session) -> bool:
        awaited = self.delivery.awaited
        by_frame = awaited is not None and awaited.needs_frame(by_block=session.by_block)
        return self._patience.is_over(awaited, by_frame=by_frame)
