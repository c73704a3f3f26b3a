"""What leaves the viewer on its control socket."""

import logging
from collections.abc import Callable

import zmq

from hcs_protocol import Failed, ImageShown, MalformedMessageError, Message, encode

from ._inbox import Answer, Inbox, ShownImage, StatusRequest, ToReceiver
from ._sessions import Sessions
from ._tally import Tally

logger = logging.getLogger(__name__)

SHOWN_PER_MESSAGE = 1000
SHOWN_IMAGES, SHOWN_SECONDS = 64, 0.05
"""When workers are told of so many shown images, or so long after they were last told: it is no hurry."""
LARGE_NBYTES = 1 << 16
"""Answers from here on are counted until ZeroMQ has sent them."""
UNREAD_NBYTES = 1 << 30
"""Of large answers that are not sent yet: a client that asks on and does not read would fill the memory."""
MORE = zmq.NOBLOCK | zmq.SNDMORE


class Outgoing:
    """Sends to workers and clients; a peer that is gone is no error."""

    def __init__(
        self,
        control: zmq.SyncSocket,
        tally: Tally,
        clock: Callable[[], float],
        unread_nbytes: int = UNREAD_NBYTES,
    ) -> None:
        self._control = control
        self._unread_nbytes = unread_nbytes
        self._unread: list[tuple[int, zmq.MessageTracker]] = []
        self._tally = tally
        self._clock = clock
        self._shown: dict[str, list[int]] = {}
        self._shown_count = 0
        self._shown_told_at = -SHOWN_SECONDS
        self._is_status_asked = False

    def send(self, identity: bytes, message: Message, *frames: bytes) -> None:
        """Send a message to the peer with this identity."""
        try:
            self._send_parts(identity, b"", *self._with_room(message, encode(message), *frames))
        except MalformedMessageError as error:
            logger.exception("answer not sent message=%s", type(message).__name__)
            if (request := getattr(message, "reply_to", None)) is not None:
                self.send(identity, Failed(reply_to=request, error=str(error)))
        except zmq.ZMQError as error:
            logger.info("answer not sent message=%s reason=%s", type(message).__name__, error)

    @property
    def has_more(self) -> bool:
        """Whether workers will have to be told of shown images soon."""
        return self._shown_count > 0

    def take_status_request(self) -> bool:
        """Say whether the window has asked how things stand since this was asked last."""
        asked, self._is_status_asked = self._is_status_asked, False
        return asked

    def send_answers(self, answers: Inbox[ToReceiver], sessions: Sessions, *, at_once: bool) -> None:
        """Send what the window answered, and tell each worker which of its images are shown.

        Args:
            answers: What the window put in.
            sessions: Who is to be told.
            at_once: Whether to tell of shown images at once, be they few.
        """
        while (entry := answers.take()) is not None:
            match entry:
                case Answer(identity=identity, message=message, frames=frames):
                    self.send(identity, message, *frames)
                case ShownImage(worker_run=worker_run, sequence=sequence, seconds=seconds):
                    self._tally.count("shown")
                    self._tally.hops.draw.append(seconds)
                    self._shown.setdefault(worker_run, []).append(sequence)
                    self._shown_count += 1
                case StatusRequest():
                    self._is_status_asked = True
        now = self._clock()
        is_due = self._shown_count >= SHOWN_IMAGES or now - self._shown_told_at >= SHOWN_SECONDS
        if self._shown_count and (at_once or is_due):
            self._shown_told_at = now
            self._tell_shown(sessions)

    def _tell_shown(self, sessions: Sessions) -> None:
        shown, self._shown, self._shown_count = self._shown, {}, 0
        for worker_run, sequences in shown.items():
            if session := sessions.of(worker_run):
                for first in range(0, len(sequences), SHOWN_PER_MESSAGE):
                    part = sequences[first : first + SHOWN_PER_MESSAGE]
                    self.send(session.identity, ImageShown(session=session.id, sequences=part))

    def _with_room(self, message: Message, *parts: bytes) -> tuple[bytes, ...]:
        """Return what there is room for: this answer, or that there is none for it."""
        if (request := getattr(message, "reply_to", None)) is None or len(parts[-1]) < LARGE_NBYTES:
            return parts
        self._unread = [(nbytes, sent) for nbytes, sent in self._unread if not sent.done]
        unread = sum(nbytes for nbytes, _ in self._unread)
        if not unread or unread + len(parts[-1]) <= self._unread_nbytes:
            return parts
        error = f"answers of {unread} bytes wait to be read: read them, then ask again"
        return (encode(Failed(reply_to=request, error=error)),)

    def _send_parts(self, *parts: bytes) -> None:
        for part in parts[:-1]:  # a third of what send_multipart takes
            self._control.send(part, MORE)
        if len(parts[-1]) < LARGE_NBYTES:
            self._control.send(parts[-1], zmq.NOBLOCK)
        else:
            sent = self._control.send(parts[-1], zmq.NOBLOCK, copy=False, track=True)
            self._unread.append((len(parts[-1]), sent))
