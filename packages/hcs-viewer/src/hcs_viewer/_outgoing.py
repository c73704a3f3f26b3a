"""What leaves the viewer on its control socket, and what it counts."""

import logging

import zmq

from hcs_protocol import (
    Counters,
    Failed,
    ImageShown,
    MalformedMessageError,
    Message,
    encode,
)

from ._inbox import Answer, Inbox, ShownImage, ToReceiver
from ._sessions import Sessions

logger = logging.getLogger(__name__)

SHOWN_PER_MESSAGE = 1000
MAX_COMPLAINTS = 1000


class Outgoing:
    """Sends to workers and clients; a peer that is gone is no error."""

    def __init__(self, control: zmq.SyncSocket) -> None:
        self._control = control
        self._counts = dict.fromkeys(Counters.__struct_fields__, 0)
        self._complained: set[tuple[bytes, str]] = set()

    def send(self, identity: bytes, message: Message, *frames: bytes) -> None:
        """Send a message to the peer with this identity."""
        try:
            self._control.send_multipart([identity, b"", encode(message), *frames], zmq.NOBLOCK)
        except MalformedMessageError as error:
            logger.exception("answer not sent message=%s", type(message).__name__)
            if (request := getattr(message, "reply_to", None)) is not None:
                self.send(identity, Failed(reply_to=request, error=str(error)))
        except zmq.ZMQError as error:
            logger.info("answer not sent message=%s reason=%s", type(message).__name__, error)

    def send_answers(self, answers: Inbox[ToReceiver], sessions: Sessions) -> None:
        """Send what the window answered, and tell each worker which of its images are shown."""
        shown: dict[str, list[int]] = {}
        while (entry := answers.take()) is not None:
            match entry:
                case Answer(identity=identity, message=message, frames=frames):
                    self.send(identity, message, *frames)
                case ShownImage(session=session_id, sequence=sequence):
                    self.count("shown")
                    shown.setdefault(session_id, []).append(sequence)
        for session_id, sequences in shown.items():
            if session := sessions.latest(session_id):
                for first in range(0, len(sequences), SHOWN_PER_MESSAGE):
                    part = sequences[first : first + SHOWN_PER_MESSAGE]
                    self.send(session.identity, ImageShown(session=session.id, sequences=part))

    def complain(self, identity: bytes, reason: str, *, counter: str = "malformed") -> None:
        """Count what a peer did wrong, and log it once per peer and kind."""
        self.count(counter)
        kind = reason.split(":", maxsplit=1)[0]
        if (identity, kind) not in self._complained and len(self._complained) < MAX_COMPLAINTS:
            self._complained.add((identity, kind))
            logger.warning("refused peer=%s reason=%s", identity.hex(), reason)

    def count(self, counter: str, by: int = 1) -> None:
        """Count something that happened."""
        self._counts[counter] += by

    def counters(self, *, workers: int) -> Counters:
        """Return the counts so far."""
        return Counters(**self._counts | {"workers": workers})
