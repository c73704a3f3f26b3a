"""Images that dead workers published and nobody adopted: found in their journals, and taken as if sent.

What a worker sent before it died may be both in its journal and on its way here. Its numbers tell: each
image is adopted once, whichever comes first.
"""

import logging
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

import psutil

from hcs_protocol import Destination, OrphanedImage, OrphanFinder

from ._adoption import Adoption
from ._inbox import Trouble
from ._presence import Presence
from ._sessions import Sessions
from ._tally import Tally

logger = logging.getLogger(__name__)

PERIOD_SECONDS, MOST_PERIOD_SECONDS = 1.0, 10.0
"""How long after one look the next one is due."""
PART = 1 / 16
"""Of the time for looks, if they take long: other users may have left a million files there."""
BUDGET_SECONDS = 0.02
"""For adopting, per turn: live workers wait meanwhile."""


class TurnOverError(Exception):
    """It is the live workers' turn; what was not adopted stays owed."""


@dataclass(frozen=True)
class Here:
    """Which destinations mean this viewer: so called is its machine, and so its port."""

    hosts: frozenset[str]
    ports: frozenset[int]

    @classmethod
    def at(cls, host: str, ports: Iterable[int]) -> Self:
        """Know this machine by all its names and addresses, and by what the viewer's users call it."""
        names = {"localhost", host, socket.gethostname(), socket.gethostname().partition(".")[0]}
        addresses = {entry.address for entries in psutil.net_if_addrs().values() for entry in entries}
        hosts = frozenset(name.casefold() for name in names | addresses | {"127.0.0.1", "::1"})
        return cls(hosts, frozenset(ports))

    def is_meant(self, destination: Destination) -> bool:
        """Say whether a worker that sent there would have reached this viewer."""
        return destination.data_port in self.ports and destination.host.casefold() in self.hosts


class Recovery:
    """Looks now and then for images that dead workers owe to this viewer, and adopts them."""

    def __init__(
        self,
        orphans: OrphanFinder,
        here: Here,
        adoption: Adoption,
        sessions: Sessions,
        note_death: Callable[[str], None],
        tally: Tally,
        presence: Presence,
    ) -> None:
        """Make it.

        Args:
            orphans: Who finds the images.
            here: Which of them are this viewer's.
            adoption: Takes them in.
            sessions: Know what came by message already.
            note_death: Told of each worker_run whose worker is dead.
            tally: Counts them.
            presence: Whose clock is read; a viewer that is closing takes nothing.
        """
        self._orphans = orphans
        self._here = here
        self._adoption = adoption
        self._sessions = sessions
        self._note_death = note_death
        self._tally = tally
        self._presence = presence
        self._due = 0.0
        self._deadline = 0.0
        self._begun = False
        self._waits_for = ""

    @property
    def is_due(self) -> bool:
        """Whether it is time to look."""
        return self._presence.clock() >= self._due and self._presence.state != "closing"

    def look_soon(self) -> None:
        """Let the next look be due now: there may be something."""
        self._due = 0.0

    def look(self) -> None:
        """Adopt what is there, within the budget; if that is not all, the next look is due at once."""
        now = self._presence.clock()
        self._due, self._deadline, self._begun = now + PERIOD_SECONDS, now + BUDGET_SECONDS, False
        try:
            self._orphans.adopt_orphans(self._here.is_meant, self._adopt)
        except TurnOverError:
            self.look_soon()
            return
        except (MemoryError, OSError) as error:
            self._warn_once(str(error))
        took = self._presence.clock() - now
        self._due = now + min(max(PERIOD_SECONDS, took / PART), MOST_PERIOD_SECONDS)

    def _adopt(self, orphan: OrphanedImage) -> None:
        self._check_turn()
        worker_run, sequence = orphan.destination.worker_run, orphan.sequence
        self._note_death(worker_run)
        history = self._sessions.history(worker_run, self._presence.clock())
        published = orphan.destination.published
        is_known = sequence in history.received if sequence else False
        if not is_known and published not in history.recovered:
            self._take_in(orphan)
        if sequence:
            history.received.add(sequence)
        if published:
            history.recovered.add(
                published
            )  # who dies while it moves an image to disk leaves it in two places

    def _take_in(self, orphan: OrphanedImage) -> None:
        try:
            self._adoption.adopt(orphan.image, orphan.pixels, "")
            self._tally.count("recovered")
            session = self._sessions.of(orphan.destination.worker_run)
            self._tally.tell(Trouble("recovered", session.name if session else ""))
        except ValueError as error:
            self._tally.complain(orphan.destination.worker_run.encode(), str(error), counter="refused")

    def _warn_once(self, reason: str) -> None:
        if reason != self._waits_for:
            self._waits_for = reason
            logger.warning("orphans wait reason=%s", reason)

    def _check_turn(self) -> None:
        """Let at least one image in per turn."""
        is_over = self._begun and self._presence.clock() >= self._deadline
        self._begun = True
        if is_over or self._presence.state == "closing":
            raise TurnOverError
