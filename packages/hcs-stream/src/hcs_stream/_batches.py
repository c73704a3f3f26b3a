"""Which items go in one message: small ones together, and what one call published together."""

from collections.abc import Sequence

from ._owed import Owed

BATCH_NBYTES = 1 << 20
"""Larger batches of separate calls lose: the viewer waits for pixels it could already copy."""
BATCH_ITEMS = 1000


def joins(owed: Owed, message: Sequence[Owed]) -> bool:
    """Say whether the next item goes with these, which are not empty."""
    if len(message) >= BATCH_ITEMS:
        return False
    together = owed.call == message[-1].call
    return together or sum(other.nbytes for other in message) + owed.nbytes <= BATCH_NBYTES
