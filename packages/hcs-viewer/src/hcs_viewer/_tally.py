"""What the viewer counts: images, bytes, mistakes of its peers, and the time each hop takes."""

import logging

from hcs_protocol import Counters

from ._latency import Hops

logger = logging.getLogger(__name__)

MAX_COMPLAINTS = 1000


class Tally:
    """Counts since the viewer started; for the receiver's thread alone."""

    def __init__(self) -> None:
        self.hops = Hops()
        self._counts = dict.fromkeys(Counters.__struct_fields__, 0)
        self._complained: set[tuple[bytes, str]] = set()

    def count(self, counter: str, by: int = 1) -> None:
        """Count something that happened."""
        self._counts[counter] += by

    def count_adopted(self, nbytes: int) -> None:
        """Count an image that was adopted, and its bytes."""
        self._counts["adopted"] += 1
        self._counts["nbytes"] += nbytes

    def complain(self, identity: bytes, reason: str, *, counter: str = "malformed") -> None:
        """Count what a peer did wrong, and log it once per peer and kind."""
        self.count(counter)
        kind = reason.split(":", maxsplit=1)[0]
        if (identity, kind) not in self._complained and len(self._complained) < MAX_COMPLAINTS:
            self._complained.add((identity, kind))
            logger.warning("refused peer=%s reason=%s", identity.hex(), reason)

    def counters(self, *, workers: int, dropped: int) -> Counters:
        """Return the counts so far; how many workers there are, and what they dropped, others know."""
        return Counters(**self._counts | {"workers": workers, "dropped": dropped})
