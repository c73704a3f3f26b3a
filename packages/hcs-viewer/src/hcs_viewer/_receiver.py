"""The viewer's side of one image's journey: in, and answered. Read this second, after hcs_stream._stream.

One thread owns the sockets. It copies pixels into the store, gives the block back at once and leaves the
rest to the window, so that workers are answered however busy, or frozen, the window is.
"""

import logging
from collections.abc import Callable

import zmq

from hcs_protocol import (
    Batch,
    BlockOpener,
    BlockRef,
    BlockReleased,
    BlockUnavailableError,
    FileRef,
    FrameRef,
    Heard,
    ImageReady,
    ImageRefused,
    Item,
    MalformedMessageError,
    Open,
    decode,
    split_batch,
)

from ._contrast import grey_limits
from ._control import Control
from ._files import read_file
from ._inbox import ArrivedImage, Inbox, ToReceiver, ToWindow
from ._outgoing import Outgoing
from ._presence import Presence
from ._sessions import Session, Sessions
from ._sockets import Sockets
from ._store import Store

logger = logging.getLogger(__name__)

MESSAGES_PER_TURN = 64
POLL_MILLISECONDS = 250
SILENCE_SECONDS = 30.0
"""A worker without a sign of life for so long has to say Hello again."""

Limits = tuple[float, float]


class Receiver:
    """Takes images in and answers workers; `run` is the body of its thread."""

    def __init__(
        self,
        sockets: Sockets,
        blocks: BlockOpener,
        store: Store,
        to_window: Inbox[ToWindow],
        to_receiver: Inbox[ToReceiver],
        presence: Presence,
    ) -> None:
        self._sockets = sockets
        self._blocks = blocks
        self._store = store
        self._to_window = to_window
        self._to_receiver = to_receiver
        self._presence = presence
        self._clock = presence.clock
        self._sessions = Sessions()
        self._outgoing = Outgoing(sockets.control)
        self._control = Control(self._outgoing, self._sessions, blocks, to_window, presence)
        self._stopping = False

    def stop(self) -> None:
        """Let `run` return after its present turn."""
        self._stopping = True
        self._to_receiver.wake()

    def run(self) -> None:
        """Take in and answer until `stop`."""
        poller = zmq.Poller()
        for socket in (self._sockets.gate, self._sockets.bell, self._sockets.control, self._sockets.data):
            poller.register(socket, zmq.POLLIN)
        while not self._stopping:
            poller.poll(POLL_MILLISECONDS)
            try:
                self._turn()
            except Exception:  # the outermost loop: whatever one peer caused must not end the viewer
                logger.exception("turn failed")
        self._outgoing.send_answers(self._to_receiver, self._sessions)

    def _turn(self) -> None:
        while self._sockets.gate.poll(0):
            self._sockets.answer_gate()
        while self._sockets.bell.poll(0):
            self._sockets.bell.recv()
        self._drain(self._sockets.control, self._take_control)
        self._drain(self._sockets.data, self._take_data)
        self._outgoing.send_answers(self._to_receiver, self._sessions)
        self._control.forget_silent_since(self._clock() - SILENCE_SECONDS)

    def _drain(self, socket: zmq.SyncSocket, take: Callable[[list[zmq.Frame]], None]) -> None:
        for _ in range(MESSAGES_PER_TURN):
            try:
                frames = socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            take(frames)

    def _take_control(self, frames: list[zmq.Frame]) -> None:
        self._control.take([frame.bytes for frame in frames])

    # One image's way in.

    def _take_data(self, frames: list[zmq.Frame]) -> None:
        if self._presence.state == "closing":
            return  # what is not adopted goes to the next viewer
        try:
            message = decode(frames[0].buffer)
        except MalformedMessageError as error:
            self._outgoing.complain(b"", str(error))
            self._take_split(frames)
            return
        match message:
            case Open(session=session_id):
                if session := self._sessions.get(session_id):
                    self._outgoing.send(session.identity, Heard(session=session.id))
            case Batch(session=session_id):
                if session := self._sessions.get(session_id):
                    self._take_batch(session, message, frames)
            case _:
                self._outgoing.complain(b"", f"{type(message).__name__} does not belong on the data channel")

    def _take_split(self, frames: list[zmq.Frame]) -> None:
        """Take what is good of a batch with bad items, and say what is wrong with these."""
        try:
            split = split_batch(frames[0].buffer)
        except MalformedMessageError:
            return  # complained about already
        session = self._sessions.get(split.session)
        if session is None:
            return
        for bad in split.bad:
            self._refuse(session, bad.sequence, bad.reason, send_frame=False)
        if split.items:
            good = Batch(session=split.session, oldest=split.oldest, items=split.items)
            self._take_batch(session, good, frames)

    def _take_batch(self, session: Session, batch: Batch, frames: list[zmq.Frame]) -> None:
        session.last_sign = self._clock()
        received = self._sessions.received(session)
        received.forget_below(batch.oldest)
        released = []
        for item in batch.items:
            if item.sequence in received:
                self._outgoing.count("duplicates")
                released.append(item.sequence)
            elif self._take_item(session, item, frames):
                received.add(item.sequence)
                released.append(item.sequence)
        if released:
            self._outgoing.send(session.identity, BlockReleased(session=session.id, sequences=released))
        self._control.answer_goodbyes(session)

    def _take_item(self, session: Session, item: Item, frames: list[zmq.Frame]) -> bool:
        if not isinstance(item, ImageReady):
            self._to_window.put(item)
            return True
        self._outgoing.count("received")
        try:
            number = self._store.keep(item.spec, self._open_pixels(session, item, frames))
        except BlockUnavailableError as error:
            self._refuse(session, item.sequence, str(error), send_frame=not isinstance(item.pixels, FrameRef))
            return False
        except (ValueError, MemoryError) as error:
            self._refuse(session, item.sequence, str(error), send_frame=False)
            return False
        self._outgoing.count("adopted")
        self._outgoing.count("nbytes", item.spec.nbytes)
        self._to_window.put(ArrivedImage(item, number, session.id, self._limits(item, number)))
        return True

    def _open_pixels(self, session: Session, item: ImageReady, frames: list[zmq.Frame]) -> memoryview | bytes:
        match item.pixels:
            case BlockRef() as ref:
                opened = self._blocks.open(ref)
                session.segments.add(ref.segment)
                return opened
            case FrameRef(frame=frame):
                if frame >= len(frames):
                    raise ValueError(f"wanted frame {frame}, the message has {len(frames)}")
                return frames[frame].buffer
            case FileRef() as ref:
                return read_file(ref, item.spec)

    def _limits(self, item: ImageReady, number: int) -> Limits | None:
        """Return an image's grey values; labels and colours have none."""
        is_grey = item.spec.kind == "image" and item.spec.axes[-1] != "c"
        return grey_limits(self._store.get(number).pixels) if is_grey else None

    def _refuse(self, session: Session, sequence: int, reason: str, *, send_frame: bool) -> None:
        if not send_frame:
            self._sessions.received(session).add(sequence)
        self._outgoing.complain(session.identity, reason, counter="refused")
        refused = ImageRefused(session=session.id, sequence=sequence, reason=reason, send_frame=send_frame)
        self._outgoing.send(session.identity, refused)
