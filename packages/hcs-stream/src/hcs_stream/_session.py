"""One conversation with a viewer: Hello, Welcome, Open, Heard, batches and beats; owns its two sockets."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from enum import Enum, auto

import zmq
from zmq.utils.garbage import gc

from hcs_protocol import (
    MAX_MESSAGE_NBYTES,
    MAX_REPLY_NBYTES,
    PROTOCOL_VERSION,
    Batch,
    Beat,
    Connection,
    Done,
    Failed,
    Goodbye,
    Heard,
    Hello,
    Item,
    MalformedMessageError,
    Message,
    Open,
    Received,
    Refuse,
    SegmentOffer,
    Welcome,
    WorkerStatus,
    decode,
    encode,
    keep_frame_memory,
    new_id,
    shares_memory,
)

from ._sockets import check_room, control_socket, data_socket

logger = logging.getLogger(__name__)

_POLLIN, _NOBLOCK = int(zmq.POLLIN), int(zmq.NOBLOCK)  # as enums they cost more than the calls
BEAT_SECONDS = 0.5
SILENCE_SECONDS = 2.0
ANSWER_SECONDS = (
    1.0  # the least a viewer gets after a beat: this worker itself may have been stopped for long
)
OPEN_SECONDS = 0.002
AT_ONCE = 1000
"""So many messages are taken before others get the lock: a viewer that never stops talking stops nobody."""


class Phase(Enum):
    """How far a conversation is."""

    GREETING = auto()
    """Hello is said."""
    OPENING = auto()
    """Welcome; Open is said on the data channel again and again."""
    OPEN = auto()
    """Heard; images may go."""
    OVER = auto()


GREETING, OPENING, OPEN, OVER = Phase


class Session:
    """Speaks for a publisher; the publisher's lock is held around every call but `poll`."""

    def __init__(
        self,
        connection: Connection,
        *,
        worker_run: str,
        name: str,
        offer: SegmentOffer | None,
        nonce: str | None,
        clock: Callable[[], float],
    ) -> None:
        self.connection = connection
        self.phase = GREETING
        self.id = ""
        self.folders: list[str] = []
        """Of this machine, whose files the viewer reads wherever it is."""
        self.by_block = False
        """Whether the viewer reads this worker's shared memory."""
        self.codecs: frozenset[str] = frozenset()
        """By which the viewer takes compressed frames."""
        self.refusal: str | None = None
        self.was_open = False
        self.said_goodbye = False
        self._nonce = nonce
        self._clock = clock
        self._control = control_socket(connection)
        self._data: zmq.SyncSocket | None = None
        self._poller = zmq.Poller()
        self._poller.register(self._control.getsockopt(zmq.FD), zmq.POLLIN)
        self._heard_at = clock()
        self._unanswered_since: float | None = self._heard_at
        self._answer_seconds: float | None = None
        self._due = self._heard_at + BEAT_SECONDS
        self._last_id = new_id()
        self._has_more = False
        self._has_ignored = False
        self._say_hello(worker_run, name, offer)

    def poll(self, most: float) -> None:
        """Wait, without the lock, until the viewer says something or something is due; most seconds."""
        if self._has_more:  # of which the descriptor tells no second time
            return
        seconds = min(most, OPEN_SECONDS) if self.phase is OPENING or self.said_goodbye else most
        with contextlib.suppress(zmq.ZMQError):  # closed meanwhile
            self._poller.poll(int(seconds * 1000))

    def receive(self) -> Iterator[Message]:
        """Yield what the viewer said about images; what it said about the session is dealt with here.

        After so many messages it leaves the rest to the next call.
        """
        for _ in range(AT_ONCE):
            self._has_more = self.phase is not OVER and bool(
                int(self._control.getsockopt(zmq.EVENTS)) & _POLLIN
            )
            if not self._has_more:
                return
            frames = self._control.recv_multipart(zmq.NOBLOCK)
            self._heard_at = self._clock()
            if self._unanswered_since is not None:
                self._answer_seconds = self._heard_at - self._unanswered_since
            is_opening = self.phase is OPENING  # then Heard is awaited, whatever else is said
            self._unanswered_since = self._heard_at if is_opening else None
            try:
                message = decode(frames[1] if len(frames) > 1 else b"", limit=MAX_REPLY_NBYTES)
            except MalformedMessageError as error:
                level = logging.DEBUG if self._has_ignored else logging.WARNING  # a newer one may repeat it
                logger.log(level, "message ignored from=%r reason=%s", self.connection.title, error)
                self._has_ignored = True
                continue
            if not self._advance(message) and getattr(message, "session", "") == self.id:
                yield message

    def send(self, oldest: int, items: list[Item], pixels: memoryview | None = None) -> None:
        """Send items in one message on the data channel, pixels as a frame if there are any."""
        if self._data is None:
            raise RuntimeError("the session is not open")
        message = encode(Batch(session=self.id, oldest=oldest, items=items, sent_at=time.time()))
        if len(message) > MAX_MESSAGE_NBYTES and len(items) > 1:
            half = len(items) // 2
            self.send(oldest, items[:half])
            self.send(oldest, items[half:])
        elif pixels is None:
            super(zmq.Socket, self._data).send(message, _NOBLOCK)  # past what other kinds of sockets need
        else:
            self._data.send(message, zmq.NOBLOCK | zmq.SNDMORE)
            self._send_pixels(self._data, pixels)

    def _send_pixels(self, data: zmq.SyncSocket, pixels: memoryview) -> None:
        try:
            if not gc.is_alive():
                check_room()  # pyzmq begins a context of its own now
            data.send(pixels, zmq.NOBLOCK, copy=False)
        except (OSError, RuntimeError):  # for want of a descriptor, or at exit, pyzmq has no thread for it
            data.send(pixels, zmq.NOBLOCK)

    def tick(self, last: int, news: Callable[[], WorkerStatus | None]) -> None:
        """Say what is due: Open until it is heard, then a beat with the last number sent and the news."""
        if self.phase is OPENING and self._data is not None:
            self._data.send(encode(Open(session=self.id)), zmq.NOBLOCK)
        elif self.phase is OPEN and self._clock() >= self._due:
            self._due = self._clock() + BEAT_SECONDS
            if self._unanswered_since is None:
                self._unanswered_since = self._clock()
            self._say(Beat(id=new_id(), session=self.id, last=last, status=news()))

    def say_goodbye(self, last: int) -> None:
        """Say that this was the last number; `said_goodbye` when the viewer holds it."""
        if self.phase is OPEN:
            self._last_id = new_id()
            self._say(Goodbye(id=self._last_id, session=self.id, last=last))

    def take_answer_seconds(self) -> float | None:
        """Return how long the viewer took to answer lately; None if it has not since this was asked last."""
        seconds, self._answer_seconds = self._answer_seconds, None
        return seconds

    def is_silent(self, patience: float) -> bool:
        """Say whether the viewer owes an answer for too long.

        Args:
            patience: Seconds more than usual, for a viewer that has much to copy.
        """
        now, since = self._clock(), self._unanswered_since
        silence = now - self._heard_at - patience
        return since is not None and now - since > ANSWER_SECONDS and silence > SILENCE_SECONDS

    @property
    def is_late(self) -> bool:
        """Whether a beat was not answered before the next one: worth a look at the viewer's process."""
        since = self._unanswered_since
        return since is not None and self._clock() - since > BEAT_SECONDS

    @property
    def is_by_frame(self) -> bool:
        """Whether the viewer has let this worker in, and does not read its shared memory."""
        return bool(self.id) and not self.by_block

    def end(self) -> None:
        """Have it closed by the thread that polls it; nothing is sent or received any more."""
        self.phase = OVER

    def close(self) -> None:
        """Close both sockets at once, whatever is under way; a second time is harmless."""
        self.end()
        self._control.close(0)
        if self._data is not None:
            self._data.close(0)

    def _say_hello(self, worker_run: str, name: str, offer: SegmentOffer | None) -> None:
        hello = Hello(
            id=self._last_id,
            protocol_version=PROTOCOL_VERSION,
            worker_run=worker_run,
            name=name,
            segment=offer,
        )
        self._say(hello)

    def _say(self, message: Message) -> None:
        self._control.send_multipart([b"", encode(message)], zmq.NOBLOCK)

    def _advance(self, message: Message) -> bool:
        match message:
            case Welcome(reply_to=self._last_id) if self.phase is GREETING:
                self.id, self.folders = message.session, message.folders
                self.by_block = shares_memory(message, self._nonce)
                self.codecs = frozenset(message.codecs)
                if not self.by_block:
                    keep_frame_memory()
                self._data = data_socket(self.connection)
                self.phase = OPENING
                self._unanswered_since = self._heard_at
                return False
            case Heard(session=self.id) if self.phase is OPENING:
                self.phase, self.was_open = OPEN, True
                self._unanswered_since = None
            case Heard() | Received() | Welcome():
                pass  # that something was heard is all there is to know
            case Done(reply_to=self._last_id):
                self.said_goodbye = True
            case Refuse(reason=reason):
                self.refusal = reason
                self.end()
            case Failed(error=error):
                logger.debug("session failed title=%r error=%r", self.connection.title, error)
                self.end()
            case _:
                return False
        return True
