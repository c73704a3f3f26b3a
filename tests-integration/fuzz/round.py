"""Rounds of inputs: after each one it is looked whether the viewer still is well."""

import random
import time
from collections import Counter
from pathlib import Path

from hcs_protocol import Counters

from .corpus import SESSION, Port, keep
from .inputs import Frames, Inputs, generated
from .meddler import send_through
from .peer import NoAnswerError, Peer
from .strangers import Strangers
from .target import Places, Target

MESSAGES, CALLS, GENERATED, CHANGED = 300, 30, 6, 20
"""Of each kind in a round: after one that ends a session those that follow do nothing."""
WITH_WINDOW = 60
"""Messages of a round for a viewer that draws what it is sent."""
CHANGE_EVERY = 5
"""Rounds: the viewer has to time out on what it cannot read."""
WARM = 0.2
"""Of the time, before the memory is compared."""
PORTS: tuple[Port, ...] = ("data", "control")


class Rounds:
    """What one viewer was sent, and what became of it."""

    def __init__(
        self, target: Target, places: Places, chance: random.Random, folder: Path, *, has_window: bool
    ) -> None:
        """Make it.

        Args:
            target: The viewer.
            places: Where what is named in messages lies.
            chance: What decides.
            folder: Where inputs go that do harm.
            has_window: Whether the viewer draws.
        """
        self.inputs: Counter[str] = Counter()
        self.kept: list[Path] = []
        self.is_alive = True
        self.unhandled: list[str] = []
        self.growth_mb = self.most_mb = 0.0
        self.counters = Counters()
        """What the viewer counted."""
        self._target = target
        self._chance = chance
        self._folder = folder
        self._rounds = 0
        self._messages = WITH_WINDOW if has_window else MESSAGES
        self._made = Inputs(chance, places.blocks, places.files)
        connection = target.connection
        self._ports = {"data": connection.data_port, "control": connection.control_port}
        self._strangers = Strangers(chance, connection.host, is_let_in=not connection.is_secure)

    def run(self, seconds: float) -> None:
        """Send for so many seconds, or until the viewer is dead."""
        begun = time.monotonic()
        warm_mb = 0.0
        while (elapsed := time.monotonic() - begun) < seconds and self.is_alive:
            self._round()
            self.most_mb = max(self.most_mb, self._target.resident_mb)
            if elapsed < WARM * seconds or not warm_mb:
                warm_mb = self._target.resident_mb
        self._strangers.close()
        self.growth_mb = round(max(0.0, self.most_mb - warm_mb), 1)
        self.unhandled = self._target.unhandled

    def _round(self) -> None:
        calls = {
            port: [self._strangers.call(number) for _ in range(CALLS)] for port, number in self._ports.items()
        }
        self.inputs["strangers"] += 2 * CALLS
        sent: dict[Port, list[Frames]] = {"data": [], "control": []}
        session = ""
        try:
            with Peer(self._target.connection) as peer:
                session = peer.open_session()
                for port in PORTS:
                    mutated = self._made.messages(self._messages, session, batches=port == "data")
                    sent[port] = [*mutated, *generated(GENERATED, self._chance.randrange(1 << 30))]
                self.inputs["data"] += peer.send_data(sent["data"])
                self.inputs["control"] += peer.send_control(sent["control"])
                self.inputs["control"] += peer.send_bare(sent["control"][:CHANGED])
                peer.settle()
                self.counters = peer.ping().counters
            self._rounds += 1
            if self._rounds % CHANGE_EVERY == 1:
                some = sent["data"][:CHANGED]
                self.inputs["changed"] += send_through(self._target.connection, self._chance, some)
        except NoAnswerError as error:
            self.is_alive = False
            print(f"  {error}; the viewer {'hangs' if self._target.is_alive else 'is dead'}", flush=True)
        self.is_alive &= self._target.is_alive
        self._keep_harmful(sent, calls, session)

    def _keep_harmful(
        self, sent: dict[Port, list[Frames]], calls: dict[str, list[bytes]], session: str
    ) -> None:
        """Keep all of a round in which something went wrong: it is for a person to find out what of it."""
        unhandled = len(self._target.unhandled)
        if self.is_alive and unhandled == len(self.unhandled):
            return
        self.unhandled = self._target.unhandled
        for port in PORTS:
            said = [[_of_any(frame, session) for frame in frames] for frames in sent[port]]
            self.kept.append(keep(self._folder, port, said, self._target, by_peer=True))
            strange = [[call] for call in calls[port]]
            self.kept.append(keep(self._folder, port, strange, self._target, by_peer=False))


def _of_any(frame: bytes, session: str) -> bytes:
    return frame.replace(session.encode(), SESSION) if session else frame
