"""The viewer's side of one image's journey: in, and answered. Read this second, after hcs_stream._stream.

One thread owns the sockets. It copies pixels into the store, gives the block back at once and leaves the
rest to the window, so that workers are answered however busy, or frozen, the window is.
"""

import logging
from collections.abc import Callable

import zmq

from hcs_protocol import (
    PROTOCOL_VERSION,
    Batch,
    Beat,
    BlockOpener,
    BlockRef,
    BlockReleased,
    BlockUnavailableError,
    Clear,
    Counters,
    Done,
    Failed,
    FileRef,
    FrameRef,
    GetImage,
    GetState,
    Goodbye,
    Heard,
    Hello,
    ImageReady,
    ImageRefused,
    ImageShown,
    Item,
    MalformedMessageError,
    Message,
    Navigate,
    Open,
    Ping,
    Pong,
    Received,
    Screenshot,
    Shutdown,
    Welcome,
    decode,
    encode,
    refusal,
)

from ._contrast import grey_limits
from ._files import read_file
from ._inbox import Answer, ArrivedImage, Inbox, Question, ShownImage, ToReceiver, ToWindow
from ._presence import Presence
from ._sessions import Session, Sessions
from ._sockets import Sockets
from ._store import Store

logger = logging.getLogger(__name__)

MESSAGES_PER_TURN = 64
POLL_MILLISECONDS = 250
SILENCE_SECONDS = 30.0
"""A worker without a sign of life for so long has to say Hello again."""


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
        self._sessions = Sessions()
        self._counts = dict.fromkeys(Counters.__struct_fields__, 0)
        self._complained: set[tuple[bytes, str]] = set()
        self._stopping = False

    def stop(self) -> None:
        """Let `run` return after its present turn."""
        self._stopping = True

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
        self._send_answers()

    def _turn(self) -> None:
        while self._sockets.gate.poll(0):
            self._sockets.answer_gate()
        while self._sockets.bell.poll(0):
            self._sockets.bell.recv()
        self._drain(self._sockets.control, self._on_control)
        self._drain(self._sockets.data, self._on_data)
        self._send_answers()
        self._forget_the_silent()

    def _drain(self, socket: zmq.SyncSocket, take: Callable[[list[zmq.Frame]], None]) -> None:
        for _ in range(MESSAGES_PER_TURN):
            try:
                frames = socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            take(frames)

    # The data channel: one image's way in.

    def _on_data(self, frames: list[zmq.Frame]) -> None:
        try:
            message = decode(frames[0].buffer)
        except MalformedMessageError as error:
            self._complain(b"", str(error))
            return
        match message:
            case Open(session=session_id):
                if session := self._sessions.get(session_id):
                    self._send(session.identity, Heard(session=session.id))
            case Batch(session=session_id):
                if session := self._sessions.get(session_id):
                    self._take_batch(session, message, frames)
            case _:
                self._complain(b"", f"{type(message).__name__} does not belong on the data channel")

    def _take_batch(self, session: Session, batch: Batch, frames: list[zmq.Frame]) -> None:
        session.last_sign = self._presence.clock()
        received = self._sessions.received(session)
        received.forget_below(batch.oldest)
        released = []
        for item in batch.items:
            if item.sequence in received:
                self._counts["duplicates"] += 1
                released.append(item.sequence)
            elif self._take_item(session, item, frames):
                received.add(item.sequence)
                released.append(item.sequence)
        if released:
            self._send(session.identity, BlockReleased(session=session.id, sequences=released))
        self._answer_goodbye(session)

    def _take_item(self, session: Session, item: Item, frames: list[zmq.Frame]) -> bool:
        if not isinstance(item, ImageReady):
            self._to_window.put(item)
            return True
        self._counts["received"] += 1
        try:
            number = self._store.keep(item.spec, self._open_pixels(session, item, frames))
        except BlockUnavailableError as error:
            self._refuse(session, item, str(error), send_frame=not isinstance(item.pixels, FrameRef))
            return False
        except (ValueError, MemoryError) as error:
            self._refuse(session, item, str(error), send_frame=False)
            return False
        self._counts["adopted"] += 1
        self._counts["nbytes"] += item.spec.nbytes
        limits = grey_limits(self._store.get(number).pixels) if item.spec.kind == "image" else None
        self._to_window.put(ArrivedImage(item, number, session.id, limits))
        return True

    def _open_pixels(self, session: Session, item: ImageReady, frames: list[zmq.Frame]) -> memoryview | bytes:
        match item.pixels:
            case BlockRef() as ref:
                session.segments.add(ref.segment)
                return self._blocks.open(ref)
            case FrameRef(frame=frame):
                if frame >= len(frames):
                    raise ValueError(f"wanted frame {frame}, the message has {len(frames)}")
                return frames[frame].buffer
            case FileRef() as ref:
                return read_file(ref, item.spec)

    def _refuse(self, session: Session, item: ImageReady, reason: str, *, send_frame: bool) -> None:
        if not send_frame:
            self._sessions.received(session).add(item.sequence)
        self._complain(session.identity, reason, counter="refused")
        refused = ImageRefused(
            session=session.id, sequence=item.sequence, reason=reason, send_frame=send_frame
        )
        self._send(session.identity, refused)

    # The control channel.

    def _on_control(self, frames: list[zmq.Frame]) -> None:
        identity, *rest = [frame.bytes for frame in frames]
        try:
            if len(rest) < 2 or rest[0]:
                raise MalformedMessageError("wanted an empty frame and a message, as REQ sends them")
            message = decode(rest[1])
        except MalformedMessageError as error:
            self._complain(identity, str(error))
            self._send(identity, Failed(reply_to="unknown", error=str(error)))
            return
        self._answer(identity, message)

    def _answer(self, identity: bytes, message: Message) -> None:
        match message:
            case Ping():
                self._send(identity, self._pong(message.id))
            case Hello():
                self._welcome(identity, message)
            case Beat():
                self._answer_beat(identity, message)
            case Goodbye():
                self._take_goodbye(identity, message)
            case GetState() | GetImage() | Navigate() | Clear() | Screenshot() | Shutdown():
                self._to_window.put(Question(identity, message))
            case _:
                error = f"{type(message).__name__} is nothing that a viewer can answer"
                self._complain(identity, error)
                self._send(identity, Failed(reply_to="unknown", error=error))

    def _welcome(self, identity: bytes, hello: Hello) -> None:
        if refused := refusal(hello):
            self._complain(identity, refused.reason)
            self._send(identity, refused)
            return
        session = self._sessions.open(identity, hello.worker_run, hello.name, self._presence.clock())
        welcome = Welcome(
            reply_to=hello.id,
            session=session.id,
            viewer_run=self._presence.viewer_run,
            protocol_version=PROTOCOL_VERSION,
            title=self._presence.title,
            nonce=self._read_nonce(hello),
        )
        logger.info("worker welcome name=%s session=%s", hello.name, session.id)
        self._send(identity, welcome)

    def _read_nonce(self, hello: Hello) -> str | None:
        if hello.segment is None:
            return None
        try:
            return self._blocks.read_nonce(hello.segment)
        except BlockUnavailableError as error:
            logger.info("pixels come as frames name=%s reason=%s", hello.name, error)
            return None

    def _answer_beat(self, identity: bytes, beat: Beat) -> None:
        session = self._sessions.get(beat.session)
        if session is None:
            self._send(identity, Failed(reply_to=beat.id, error="this session is over; say Hello"))
            return
        session.last_sign = self._presence.clock()
        upto = self._sessions.received(session).upto
        self._send(identity, Received(reply_to=beat.id, session=session.id, received=upto))

    def _take_goodbye(self, identity: bytes, goodbye: Goodbye) -> None:
        session = self._sessions.get(goodbye.session)
        if session is None:
            self._send(identity, Done(reply_to=goodbye.id))
            return
        session.waiting_goodbye = goodbye.id, goodbye.last
        self._answer_goodbye(session)

    def _answer_goodbye(self, session: Session) -> None:
        if session.waiting_goodbye is None:
            return
        request, last = session.waiting_goodbye
        if self._sessions.received(session).upto >= last:
            self._end(session, for_good=True)
            self._send(session.identity, Done(reply_to=request))

    def _end(self, session: Session, *, for_good: bool) -> None:
        self._sessions.close(session, for_good=for_good)
        self._blocks.forget(sorted(session.segments))
        logger.info("session over name=%s session=%s goodbye=%s", session.name, session.id, for_good)

    def _pong(self, request: str) -> Pong:
        presence = self._presence
        return Pong(
            reply_to=request,
            viewer_run=presence.viewer_run,
            title=presence.title,
            state=presence.state,
            window_age_seconds=max(0.0, presence.clock() - presence.window_seen),
            counters=Counters(**self._counts | {"workers": len(self._sessions)}),
            protocol_version=PROTOCOL_VERSION,
        )

    # What goes out.

    def _send_answers(self) -> None:
        shown: dict[str, list[int]] = {}
        while (entry := self._to_receiver.take()) is not None:
            match entry:
                case Answer(identity=identity, message=message, frames=frames):
                    self._send(identity, message, *frames)
                case ShownImage(session=session_id, sequence=sequence):
                    self._counts["shown"] += 1
                    shown.setdefault(session_id, []).append(sequence)
        for session_id, sequences in shown.items():
            if session := self._sessions.get(session_id):
                for first in range(0, len(sequences), 1000):
                    part = sequences[first : first + 1000]
                    self._send(session.identity, ImageShown(session=session_id, sequences=part))

    def _send(self, identity: bytes, message: Message, *frames: bytes) -> None:
        try:
            self._sockets.control.send_multipart([identity, b"", encode(message), *frames], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            logger.info("answer not sent message=%s reason=%s", type(message).__name__, error)

    def _forget_the_silent(self) -> None:
        for session in self._sessions.silent_since(self._presence.clock() - SILENCE_SECONDS):
            self._end(session, for_good=False)

    def _complain(self, identity: bytes, reason: str, *, counter: str = "malformed") -> None:
        self._counts[counter] += 1
        kind = reason.split(":", maxsplit=1)[0]
        if (identity, kind) not in self._complained and len(self._complained) < 1000:
            self._complained.add((identity, kind))
            logger.warning("refused peer=%s reason=%s", identity.hex(), reason)
