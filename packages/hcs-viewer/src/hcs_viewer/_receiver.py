"""The viewer's side of one image's journey. Read this second, after hcs_stream._stream.

One thread owns the sockets. It copies pixels into the store, gives the block back at once and leaves the
rest to the window, so that workers are answered however busy, or frozen, the window is. `_arrivals` takes
what comes in on the data channel, `_control` what comes in on the other, `_recovery` what dead workers left.
"""

import logging
from collections.abc import Callable

import zmq

from hcs_protocol import BlockOpener, OrphanFinder

from ._adoption import NOWHERE, Adoption
from ._arrivals import Arrivals
from ._control import Control
from ._inbox import Inbox, ToReceiver, ToWindow
from ._outgoing import Outgoing
from ._path_map import PathMap
from ._presence import Presence
from ._recovery import Here, Recovery
from ._sessions import Sessions
from ._sockets import Sockets
from ._store import Store
from ._tally import Tally

logger = logging.getLogger(__name__)

MESSAGES_PER_TURN = 64
TURN_SECONDS = 0.05
"""For the messages of one channel, before the other one's turn."""
POLL_MILLISECONDS, SOON_MILLISECONDS = 250, 50
LOOK_SECONDS = 0.1
"""For silent workers, and for memory that was idle."""


class Receiver:
    """Takes images in and answers workers; `run` is the body of its thread."""

    def __init__(
        self,
        sockets: Sockets,
        blocks: BlockOpener,
        orphans: OrphanFinder,
        store: Store,
        to_window: Inbox[ToWindow],
        to_receiver: Inbox[ToReceiver],
        presence: Presence,
        path_map: PathMap = NOWHERE,
    ) -> None:
        self._sockets = sockets
        self._blocks = blocks
        self._store = store
        self._to_window = to_window
        self._to_receiver = to_receiver
        self._clock = presence.clock
        self._due = 0.0
        presence.folders = path_map.theirs
        self._stopping = False
        tally = Tally(to_window.put)
        self._sessions = Sessions()
        self._outgoing = Outgoing(sockets.control, tally, presence.clock)
        self._control = Control(
            self._outgoing, self._sessions, blocks, to_window, tally, presence, budget=store.budget
        )
        adoption = Adoption(store, to_window, tally, presence.clock, path_map)
        self._arrivals = Arrivals(
            blocks, adoption, self._sessions, self._control, self._outgoing, to_window, tally, presence
        )
        here = Here.at(sockets.bind, (sockets.requested_port, sockets.data_port))
        self._recovery = Recovery(
            orphans, here, adoption, self._sessions, self._control.note_death, tally, presence
        )

    def stop(self) -> None:
        """Let `run` return after its present turn."""
        self._stopping = True
        self._to_receiver.wake()

    def run(self) -> None:
        """Take in and answer until `stop`.

        While the store is full, images stay where they are: workers do with them as their policies say.
        """
        poller = zmq.Poller()
        for socket in (self._sockets.data, self._sockets.control, self._sockets.bell):
            poller.register(socket, zmq.POLLIN)
        while not self._stopping:
            poller.modify(self._sockets.data, 0 if self._store.is_full else zmq.POLLIN)
            ready = [socket for socket, _ in poller.poll(self._patience())]
            try:
                self._turn(ready)
            except Exception:  # the outermost loop
                logger.exception("failed what=turn")
        self._outgoing.send_answers(self._to_receiver, self._sessions, at_once=True)

    def _patience(self) -> int:
        """Return how many milliseconds to wait for a message; the store rings when it has room again."""
        if self._recovers:
            return 0
        return SOON_MILLISECONDS if self._outgoing.has_more else POLL_MILLISECONDS

    @property
    def _recovers(self) -> bool:
        return self._recovery.is_due and not self._store.is_full

    def _turn(self, ready: list[zmq.SyncSocket]) -> None:
        """Take images in first: whatever else there is can wait that long."""
        sockets = self._sockets
        if sockets.data in ready:
            self._drain(sockets.data, self._arrivals.take)
            self._arrivals.release()
        if sockets.control in ready:
            self._drain(sockets.control, self._control.take)
        if sockets.bell in ready:
            sockets.silence_bell()
        self._send_answers(at_once=not ready)
        if (now := self._clock()) >= self._due:
            self._due = now + LOOK_SECONDS
            self._look_around()
        if self._recovers:
            self._recovery.look()

    def _look_around(self) -> None:
        self._store.drop_idle()
        if self._store.is_short:
            self._blocks.drop_pages()
        if self._control.end_silent():
            self._recovery.look_soon()

    def _send_answers(self, *, at_once: bool) -> None:
        self._outgoing.send_answers(self._to_receiver, self._sessions, at_once=at_once)
        if self._outgoing.take_status_request():
            self._to_window.put(self._control.pong())

    def _drain(self, socket: zmq.SyncSocket, take: Callable[[list[zmq.Frame]], None]) -> None:
        deadline = self._clock() + TURN_SECONDS
        for _ in range(MESSAGES_PER_TURN):
            try:
                first = socket.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            frames = [first, *socket.recv_multipart(copy=False)] if first.more else [first]
            try:
                take(frames)
            except Exception:  # whatever one peer caused must not end the viewer
                logger.exception("failed what=message")
            if self._clock() > deadline or (socket is self._sockets.data and self._store.is_full):
                return
