"""What the viewer counts: images, bytes, mistakes of its peers, and the time each hop takes."""

import logging
from collections.abc import Callable

from hcs_protocol import Counters

from ._inbox import Trouble
from ._latency import Hops

logger = logging.getLogger(__name__)

MAX_COMPLAINTS = 1000
NO_MESSAGE = "no hcs message: "


class Tally:
    """Counts since the viewer started; for the receiver's thread alone."""

    def __init__(self, tell: Callable[[Trouble], None] = lambda trouble: None) -> None:
        """Count from 0; ``tell`` lets the user know of trouble."""
        self._tell = tell
        self._told: set[Trouble] = set()
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
        kind = _kind(reason)
        if (identity, kind) not in self._complained and len(self._complained) < MAX_COMPLAINTS:
            self._complained.add((identity, kind))
            logger.warning("refused peer=%s reason=%s", identity.hex(), reason)

    def tell(self, trouble: Trouble) -> None:
        """Let the user know of trouble, once."""
        if trouble not in self._told and len(self._told) < MAX_COMPLAINTS:
            self._told.add(trouble)
            self._tell(trouble)

    def counters(self, *, workers: int, dropped: int) -> Counters:
        """Return the counts so far; how many workers there are, and what they dropped, others know."""
        return Counters(**self._counts | {"workers": workers, "dropped": dropped})


def _kind(reason: str) -> str:
    """Return what reasons of one kind have in common; of a message that is none, each field is one."""
    said = reason.removeprefix(NO_MESSAGE).split(":", maxsplit=1)[0]
    return "".join(letter for letter in said if not letter.isdigit())
