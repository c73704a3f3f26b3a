"""The control channel: workers say Hello, Beat and Goodbye, anybody with the key asks; one reply each."""

import logging

import msgspec
import zmq

from hcs_protocol import (
    MAX_ITEMS,
    PROTOCOL_VERSION,
    Beat,
    BlockOpener,
    BlockReleased,
    BlockUnavailableError,
    Clear,
    Credit,
    Done,
    Failed,
    GetImage,
    GetState,
    Goodbye,
    Hello,
    MalformedMessageError,
    Message,
    Navigate,
    Ping,
    Pong,
    Received,
    Screenshot,
    Shutdown,
    Welcome,
    WorkerStatus,
    decode,
    keep_frame_memory,
    refusal,
    request_id,
)

from ._compressed import codecs_here
from ._credit import BLOCK_NBYTES, CREDIT_IMAGES, frame_credit
from ._inbox import Inbox, Question, ToWindow, Trouble
from ._outgoing import Outgoing
from ._presence import Presence
from ._sessions import Farewell, Session, Sessions
from ._tally import Tally

logger = logging.getLogger(__name__)

SILENCE_SECONDS = 30.0
"""A worker without a sign of life for so long has to say Hello again."""
ORPHANED_SILENCE_SECONDS = 2.0
"""For so long what a dead worker sent may still come."""
MAX_KINDS = 16
"""So many policies and hops a worker's status may have."""

SESSION_OVER = "this session is over; say Hello"


class Control:
    """Answers what comes in on the control channel; what only the window knows is left to the window."""

    def __init__(
        self,
        outgoing: Outgoing,
        sessions: Sessions,
        blocks: BlockOpener,
        to_window: Inbox[ToWindow],
        tally: Tally,
        presence: Presence,
        budget: int | None = None,
    ) -> None:
        """Make it.

        Args:
            outgoing: Sends the answers.
            sessions: Whom it talks to.
            blocks: Reads what proves that memory is shared.
            to_window: Where questions go that only the window can answer.
            tally: Counts.
            presence: What is said of the window.
            budget: Bytes of memory for images, None without limit; frames in flight are a part of it.
        """
        self._budget = budget
        self._outgoing = outgoing
        self._sessions = sessions
        self._blocks = blocks
        self._to_window = to_window
        self._tally = tally
        self._presence = presence

    def take(self, frames: list[zmq.Frame]) -> None:
        """Answer a message: the peer's identity, an empty frame, the JSON."""
        identity = frames[0].bytes
        try:
            if len(frames) < 3 or len(frames[1]):
                raise MalformedMessageError("wanted an empty frame and a message, as REQ sends them")
            message = decode(frames[2].buffer)
        except MalformedMessageError as error:
            asked = request_id(frames[2].buffer) if len(frames) > 2 else None
            self._refuse(identity, str(error), asked)
            return
        self._answer(identity, message)

    def answer_goodbyes(self, session: Session) -> None:
        """Answer Goodbyes once their last number is held; then the session is over."""
        upto = session.history.received.upto
        if session.goodbyes and all(goodbye.last <= upto for goodbye in session.goodbyes):
            said, session.goodbyes = session.goodbyes, []
            self._end(session, for_good=True)
            for goodbye in said:
                self._outgoing.send(goodbye.identity, Done(reply_to=goodbye.request))

    def note_death(self, worker_run: str) -> None:
        """Note that a worker is dead; its session is over when nothing more of it comes in."""
        session = self._sessions.of(worker_run)
        if session and not session.is_orphaned:
            session.is_orphaned = True
            self._blocks.forget(sorted(session.segments))
            logger.info("worker dead name=%r session=%s", session.name, session.id)

    def end_silent(self) -> bool:
        """End the sessions of workers that gave no sign for long, and say whether there were any."""
        now = self._presence.clock()
        silent = [session for session in self._sessions if now - session.last_sign > _patience(session)]
        for session in silent:
            self._end(session, for_good=False)
        self._sessions.forget_gone(now)
        return bool(silent)

    def pong(self, request: str = "") -> Pong:
        """Return how things stand, in answer to a request if it was one."""
        presence, sessions = self._presence, self._sessions
        return Pong(
            reply_to=request,
            viewer_run=presence.viewer_run,
            title=presence.title,
            state=presence.state,
            window_age_seconds=max(0.0, presence.clock() - presence.window_seen),
            counters=self._tally.counters(workers=sessions.workers, dropped=sessions.dropped),
            protocol_version=PROTOCOL_VERSION,
            latency=self._tally.hops.latency(),
            workers=[_named_status(session) for session in sessions if not session.is_orphaned][:MAX_ITEMS],
        )

    def _answer(self, identity: bytes, message: Message) -> None:
        match message:
            case Ping(id=request):
                self._outgoing.send(identity, self.pong(request))
            case Hello():
                self._welcome(identity, message)
            case Beat():
                self._answer_beat(identity, message)
            case Goodbye():
                self._take_goodbye(identity, message)
            case GetState() | GetImage() | Navigate() | Clear() | Screenshot() | Shutdown():
                self._to_window.put(Question(identity, message))
            case _:
                self._refuse(identity, f"{type(message).__name__} is nothing that a viewer can answer")

    def _refuse(self, identity: bytes, reason: str, asked: str | None = None) -> None:
        self._tally.complain(identity, reason)
        self._outgoing.send(identity, Failed(reply_to=asked or "unknown", error=reason))

    def _welcome(self, identity: bytes, hello: Hello) -> None:
        if refused := refusal(hello):
            self._tally.complain(identity, refused.reason)
            self._outgoing.send(identity, refused)
            return
        session = self._sessions.open(identity, hello.worker_run, hello.name, self._presence.clock())
        nonce = self._read_nonce(session, hello)
        session.by_frame = nonce is None
        if session.by_frame:
            keep_frame_memory()
        welcome = Welcome(
            reply_to=hello.id,
            session=session.id,
            folders=list(self._presence.folders),
            viewer_run=self._presence.viewer_run,
            protocol_version=PROTOCOL_VERSION,
            title=self._presence.title,
            nonce=nonce,
            credit_images=CREDIT_IMAGES,
            credit_nbytes=self._share_credit(session) if session.by_frame else BLOCK_NBYTES,
            codecs=[] if nonce else list(codecs_here()),  # who shares memory with us compresses nothing
        )
        logger.info("worker welcome name=%r session=%s", hello.name, session.id)
        self._outgoing.send(identity, welcome)

    def _read_nonce(self, session: Session, hello: Hello) -> str | None:
        if hello.segment is None:
            return None
        try:
            nonce = self._blocks.read_nonce(hello.segment)
        except BlockUnavailableError as error:
            logger.info("pixels come as frames name=%r reason=%s", hello.name, error)
            return None
        session.segments.add(hello.segment.name)
        return nonce

    def _share_credit(self, new: Session | None = None) -> int:
        """Tell the workers whose pixels come as frames, but for a new one, what each may have in flight."""
        framed = [session for session in self._sessions if session.by_frame]
        nbytes = frame_credit(self._budget, max(1, len(framed)))
        for session in framed:
            if session is not new and session.credit_nbytes != nbytes:
                credit = Credit(session=session.id, images=CREDIT_IMAGES, nbytes=nbytes)
                self._outgoing.send(session.identity, credit)
            session.credit_nbytes = nbytes
        return nbytes

    def _answer_beat(self, identity: bytes, beat: Beat) -> None:
        session = self._sessions.get(beat.session)
        if session is None:
            self._outgoing.send(identity, Failed(reply_to=beat.id, error=SESSION_OVER))
            return
        session.last_sign = self._presence.clock()
        if session.identity != identity:
            session.identity = identity
            self._tell_again(session)
        if beat.status is not None:
            self._note_status(session, beat.status)
        upto = session.history.received.upto
        self._outgoing.send(identity, Received(reply_to=beat.id, session=session.id, received=upto))

    def _tell_again(self, session: Session) -> None:
        """Say what is held once more: the connection was made anew, and what was said meanwhile is lost."""
        if held := session.history.received.held_from(session.oldest, MAX_ITEMS):
            self._outgoing.send(session.identity, BlockReleased(session=session.id, sequences=held))

    def _note_status(self, session: Session, status: WorkerStatus) -> None:
        if len(status.dropped) + len(status.latency) > MAX_KINDS:
            self._tally.complain(session.identity, f"a status has more than {MAX_KINDS} policies and hops")
        else:
            for policy in (policy for policy, count in status.dropped.items() if count):
                self._tally.tell(Trouble("dropped", session.name, policy))
            session.history.status = status

    def _take_goodbye(self, identity: bytes, goodbye: Goodbye) -> None:
        session = self._sessions.get(goodbye.session)
        if session is None:
            is_done = self._sessions.is_done(goodbye.session)
            answer = Done(reply_to=goodbye.id) if is_done else Failed(reply_to=goodbye.id, error=SESSION_OVER)
            self._outgoing.send(identity, answer)
            return
        session.last_sign = self._presence.clock()
        session.goodbyes.append(Farewell(identity, goodbye.id, goodbye.last))
        self.answer_goodbyes(session)

    def _end(self, session: Session, *, for_good: bool) -> None:
        self._sessions.close(session, self._presence.clock(), for_good=for_good)
        self._blocks.forget(sorted(session.segments))
        for goodbye in session.goodbyes:
            self._outgoing.send(goodbye.identity, Failed(reply_to=goodbye.request, error=SESSION_OVER))
        if session.by_frame:
            self._share_credit()
        logger.info("session over name=%r session=%s goodbye=%s", session.name, session.id, for_good)


def _patience(session: Session) -> float:
    return ORPHANED_SILENCE_SECONDS if session.is_orphaned else SILENCE_SECONDS


def _named_status(session: Session) -> WorkerStatus:
    return msgspec.structs.replace(session.history.status, name=session.name)
