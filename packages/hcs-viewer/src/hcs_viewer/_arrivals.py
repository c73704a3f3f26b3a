"""The data channel: one image's way in. What is adopted is released, a duplicate once more."""

import logging

import zmq

from hcs_protocol import (
    MAX_ITEMS,
    PLAIN,
    Batch,
    BlockOpener,
    BlockRef,
    BlockReleased,
    BlockUnavailableError,
    CompressedPixelsError,
    Failed,
    FileRef,
    FrameRef,
    Heard,
    ImageReady,
    ImageRefused,
    Item,
    MalformedMessageError,
    Open,
    decode,
    session_id,
    split_batch,
)

from ._adoption import Adoption
from ._compressed import CompressedFrame
from ._control import Control
from ._credit import BLOCK_NBYTES
from ._files import read_file
from ._inbox import Inbox, ToWindow, Trouble
from ._outgoing import Outgoing
from ._presence import Presence
from ._sessions import Session, Sessions
from ._store import PixelSource
from ._tally import Tally

logger = logging.getLogger(__name__)

RELEASED_IMAGES = 16
RELEASED_NBYTES = 1 << 21
"""When so much is adopted its worker is told at once, else when nothing more is there.

To tell costs more than to copy a small image, and a worker that is told late has nothing more in flight.
"""


class Arrivals:
    """Takes in what workers send on the data channel, and answers on the control channel."""

    def __init__(
        self,
        blocks: BlockOpener,
        adoption: Adoption,
        sessions: Sessions,
        control: Control,
        outgoing: Outgoing,
        to_window: Inbox[ToWindow],
        tally: Tally,
        presence: Presence,
    ) -> None:
        self._blocks = blocks
        self._adoption = adoption
        self._sessions = sessions
        self._control = control
        self._outgoing = outgoing
        self._to_window = to_window
        self._tally = tally
        self._presence = presence
        self._to_be_told: dict[str, Session] = {}

    def take(self, frames: list[zmq.Frame]) -> None:
        """Take a message: the JSON, then the pixels that it calls frames."""
        if self._presence.state == "closing":
            return  # what is not adopted goes to the next viewer
        try:
            message = decode(frames[0].buffer)
        except MalformedMessageError as error:
            self._take_split(frames, str(error))
            return
        match message:
            case Batch(session=session_id):
                if session := self._sessions.get(session_id):
                    self._take_batch(session, message, frames)
            case Open(session=session_id):
                if session := self._sessions.get(session_id):
                    self._outgoing.send(session.identity, Heard(session=session.id))
            case _:
                self._tally.complain(b"", f"{type(message).__name__} does not belong on the data channel")

    def release(self) -> None:
        """Tell all workers which of their images were adopted."""
        while self._to_be_told:
            _, session = self._to_be_told.popitem()
            self._release(session)

    def _take_split(self, frames: list[zmq.Frame], reason: str) -> None:
        """Take what is good of a batch with bad items, and say what is wrong with these."""
        session = self._sessions.get(session_id(frames[0].buffer) or "")
        try:
            split = split_batch(frames[0].buffer)
        except MalformedMessageError:
            self._refuse_message(session, reason)
            return
        if session is None or not (split.items or split.bad):
            self._refuse_message(session, reason)
            return
        self._tally.count("malformed")
        for bad in split.bad:
            self._refuse(session, bad.sequence, bad.reason, send_frame=False)
        if split.items:
            good = Batch(session=split.session, oldest=split.oldest, items=split.items)
            self._take_batch(session, good, frames)

    def _refuse_message(self, session: Session | None, reason: str) -> None:
        """Say what is wrong with a message of which nothing can be taken, to its worker if that is known."""
        self._tally.complain(session.identity if session else b"", reason)
        if session:
            self._tally.tell(Trouble("malformed", session.name, reason))
            self._outgoing.send(session.identity, Failed(reply_to="unknown", error=reason))

    def _take_batch(self, session: Session, batch: Batch, frames: list[zmq.Frame]) -> None:
        session.last_sign = self._presence.clock()
        if batch.sent_at > 0:
            self._tally.hops.wire.append(max(0.0, self._presence.wall_clock() - batch.sent_at))
        self._to_be_told[session.id] = session  # also if something goes wrong with the last of them
        received = session.history.received
        if all(item.sequence >= batch.oldest for item in batch.items):  # else it is a mistake
            session.oldest = batch.oldest
            received.forget_below(batch.oldest)
        for item in batch.items:
            if item.sequence < batch.oldest:
                reason = f"wanted numbers from {batch.oldest} on, as `oldest` says, got {item.sequence}"
                self._refuse(session, item.sequence, reason, send_frame=False)
            elif item.sequence in received:
                self._note_duplicate(session, item.sequence)
                session.released.append(item.sequence)
            elif self._take_item(session, item, frames):
                received.add(item.sequence)
                session.released.append(item.sequence)
        if session.goodbyes or _is_much(session):
            self._release(session)
        self._control.answer_goodbyes(session)

    def _note_duplicate(self, session: Session, sequence: int) -> None:
        self._tally.count("duplicates")
        if not session.repeats:
            session.repeats = True  # a link that was lost; or a worker that uses another's worker_run
            logger.info(
                "skipped what this worker_run has sent before name=%r worker_run=%r sequence=%d",
                session.name,
                session.worker_run,
                sequence,
            )

    def _take_item(self, session: Session, item: Item, frames: list[zmq.Frame]) -> bool:
        if not isinstance(item, ImageReady):
            self._to_window.put(item)
            return True
        self._tally.count("received")
        try:
            self._check_room(session)
            pixels = self._open_pixels(session, item, frames)
            adopted_at = self._adoption.adopt(item, pixels, session.worker_run)
        except BlockUnavailableError as error:
            self._refuse(session, item.sequence, str(error), send_frame=isinstance(item.pixels, BlockRef))
            return False
        except CompressedPixelsError as error:  # as a plain frame, the worker can send them still
            self._refuse(session, item.sequence, f"unreadable: {error}", send_frame=True)
            return False
        except ValueError as error:
            self._refuse(session, item.sequence, str(error), send_frame=False)
            return False
        except MemoryError as error:  # neither taken nor refused: the worker will send it again
            self._tally.complain(session.identity, str(error), counter="refused")
            self._tally.tell(Trouble("no memory", session.name, str(error)))
            return False
        session.released_nbytes += item.spec.nbytes
        self._tally.hops.store.append(adopted_at - session.last_sign)
        return True

    def _check_room(self, session: Session) -> None:
        """Refuse what no worker sends that keeps to its credit: one message could fill the memory.

        Raises:
            ValueError: It is that.
        """
        if session.released_nbytes > BLOCK_NBYTES and self._adoption.is_full:
            raise ValueError(f"wanted at most {BLOCK_NBYTES} bytes in a batch: the viewer's memory is full")

    def _open_pixels(self, session: Session, item: ImageReady, frames: list[zmq.Frame]) -> PixelSource:
        match item.pixels:
            case BlockRef() as ref:
                opened = self._blocks.open(ref)
                session.segments.add(ref.segment)
                return opened
            case FrameRef(frame=frame) as ref:
                if frame >= len(frames):
                    raise ValueError(f"wanted frame {frame}, the message has {len(frames)}")
                pixels = frames[frame].buffer
                return pixels if ref.codec == PLAIN else CompressedFrame(pixels, ref, item.spec)
            case FileRef() as ref:
                is_elsewhere = not session.segments  # whose memory cannot be read, so paths may mean others
                here = (is_elsewhere and self._adoption.path_map.ref(ref)) or ref
                return read_file(here, item.spec, self._adoption.most_nbytes)

    def _release(self, session: Session) -> None:
        sequences, session.released, session.released_nbytes = session.released, [], 0
        for first in range(0, len(sequences), MAX_ITEMS):
            released = BlockReleased(session=session.id, sequences=sequences[first : first + MAX_ITEMS])
            self._outgoing.send(session.identity, released)

    def _refuse(self, session: Session, sequence: int, reason: str, *, send_frame: bool) -> None:
        if not send_frame:
            session.history.received.add(sequence)
            self._tally.tell(Trouble("refused", session.name, reason))
        self._tally.complain(session.identity, reason, counter="refused")
        refused = ImageRefused(session=session.id, sequence=sequence, reason=reason, send_frame=send_frame)
        self._outgoing.send(session.identity, refused)


def _is_much(session: Session) -> bool:
    return len(session.released) >= RELEASED_IMAGES or session.released_nbytes >= RELEASED_NBYTES
