"""What leaves the viewer on its control socket."""

import logging

import zmq

from hcs_protocol import Failed, ImageShown, MalformedMessageError, Message, encode

from ._inbox import Answer, Inbox, ShownImage, ToReceiver
from ._sessions import Sessions
from ._tally import Tally

logger = logging.getLogger(__name__)

SHOWN_PER_MESSAGE = 1000
MORE = zmq.NOBLOCK | zmq.SNDMORE


class Outgoing:
    """Sends to workers and clients; a peer that is gone is no error."""

    def __init__(self, control: zmq.SyncSocket, tally: Tally) -> None:
        self._control = control
        self._tally = tally

    def send(self, identity: bytes, message: Message, *frames: bytes) -> None:
        """Send a message to the peer with this identity."""
        try:
            self._send_parts(identity, b"", encode(message), *frames)
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
                case ShownImage(worker_run=worker_run, sequence=sequence, seconds=seconds):
                    self._tally.count("shown")
                    self._tally.hops.draw.append(seconds)
                    shown.setdefault(worker_run, []).append(sequence)
        for worker_run, sequences in shown.items():
            if session := sessions.of(worker_run):
                for first in range(0, len(sequences), SHOWN_PER_MESSAGE):
                    part = sequences[first : first + SHOWN_PER_MESSAGE]
                    self.send(session.identity, ImageShown(session=session.id, sequences=part))

    def _send_parts(self, *parts: bytes) -> None:
        for part in parts[:-1]:  # a third of what send_multipart takes
            self._control.send(part, MORE)
        self._control.send(parts[-1], zmq.NOBLOCK)
