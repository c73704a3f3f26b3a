"""The thread beside a publisher: finds the viewer, says beats, takes releases, spills what waits."""

import contextlib
import logging
import threading
from collections.abc import Callable

from hcs_protocol import Connection, PoolFullError

from ._background import give_way
from ._compressor import Compressor
from ._holdings import Holdings
from ._link import Link
from ._session import OPEN, Session
from ._shared_link import SharedLink

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.05
IDLE_SECONDS = 0.25
"""While nothing is due before the next beat; each look takes a core's caches from the pipeline."""
REFUSED_SECONDS = 2.0
RESTS = 20
"""How often it leaves all to those who are busy sending, before the next look."""
SPILLED_PER_TURN = 4
COMPLAIN_SECONDS = 60.0
"""From one complaint that a turn failed to the next."""


class Caretaker(threading.Thread):
    """Looks after one shared link until that is closing."""

    def __init__(
        self,
        shared: SharedLink,
        holdings: Holdings,
        find: Callable[[], Connection | None],
        is_gone: Callable[[Connection], bool],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(name=f"hcs-publisher-{shared.link.label}", daemon=True)
        self._shared = shared
        self._holdings = holdings
        self._find = find
        self._is_gone = is_gone
        self._clock = clock
        self._compressor: Compressor | None = None
        self._silent_until = 0.0

    def run(self) -> None:
        """Do what is due, until the link is closing."""
        give_way()
        shared = self._shared
        while not shared.closing.is_set():
            try:
                self._turn(shared.link)
            except Exception:  # the outermost loop of this thread
                if self._may_complain():
                    logger.exception("publisher failed viewer=%s", shared.link.label)
                shared.closing.wait(LOOK_SECONDS)
        if self._compressor:
            self._compressor.stop()
        with shared.lock:
            shared.link.drop()
        self._settle_doubts(shared.link)

    def _may_complain(self) -> bool:
        """Say whether the last complaint is a while ago: without descriptors, twenty turns a second fail."""
        now = self._clock()
        if now < self._silent_until:
            return False
        self._silent_until = now + COMPLAIN_SECONDS
        return True

    def _turn(self, link: Link) -> None:
        if (session := link.session) is None:
            self._look_for_viewer(link)
        else:
            self._wait_for_news(session)
            gone = session.is_late and self._is_gone(session.connection)
            with self._shared.lock, self._shared:
                self._look_after(link, gone=gone)
        self._settle_doubts(link)
        self._holdings.look_after(self._clock())
        for _ in range(SPILLED_PER_TURN):
            if not (self._holdings.is_tight and self._spill_one(link)):
                break
        if link.session is None:
            self._shared.closing.wait(REFUSED_SECONDS if link.refusal else LOOK_SECONDS)

    def _look_after(self, link: Link, *, gone: bool) -> None:
        self._shared.receive()
        if gone or link.is_lost():
            link.drop()
        else:
            self._start_compressor(link)
            link.tick()
            link.send_allowed()
        self._shared.receive()

    def _start_compressor(self, link: Link) -> None:
        """Have somebody compress frames before the first can go: that is said by `Link.tick`."""
        session = link.session
        if self._compressor is None and session and session.is_by_frame:
            compressor = Compressor(self._shared, self._holdings)
            with contextlib.suppress(RuntimeError):  # then images go as they are
                compressor.start()
                self._compressor = compressor

    def _wait_for_news(self, session: Session) -> None:
        """Wait until the viewer says something; callers who are busy sending hear it by themselves."""
        if session.phase is not OPEN or not self._spared:
            session.poll(LOOK_SECONDS if self._holdings.is_tight else IDLE_SECONDS)
            return
        for _ in range(RESTS):
            is_over = self._shared.called.wait(self._spared) or session.phase is not OPEN
            if is_over or self._holdings.is_tight or not self._spared:
                return

    @property
    def _spared(self) -> float:
        """How many seconds callers hear by themselves what the viewer says; none if somebody waits for it."""
        return 0.0 if self._shared.called.is_set() else self._shared.spared(self._clock())

    def _look_for_viewer(self, link: Link) -> None:
        if connection := self._find():
            with self._shared.lock:
                link.greet(connection)

    def _settle_doubts(self, link: Link) -> None:
        for viewer_run, connection in list(link.doubted.items()):
            if self._is_gone(connection):
                with self._shared.lock:
                    link.let_go(viewer_run)

    def _spill_one(self, link: Link) -> bool:
        """Move an image that waits from shared memory to disk, without the lock; says whether one did."""
        with self._shared.lock:
            owed = link.delivery.spillable()
            held = owed.held if owed else None
        if owed is None or held is None or held.pixels is None or self._shared.closing.is_set():
            return False
        try:
            spilled = self._holdings.spill(held.pixels)
        except PoolFullError:
            return False
        with self._shared.lock:
            if owed.held is held and owed.may_be_spilled:
                link.move(owed, spilled)
            else:  # it went out meanwhile
                self._holdings.give_back(spilled)
        return True
