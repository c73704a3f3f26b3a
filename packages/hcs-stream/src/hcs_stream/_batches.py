"""Which items go in one message: small ones together, what one call published together, frames alone."""

from collections.abc import Iterable, Iterator

from ._owed import Owed

BATCH_NBYTES = 1 << 20
"""Larger batches of separate calls lose: the viewer waits for pixels it could already copy."""
BATCH_ITEMS = 1000


def batches(taken: Iterable[Owed], *, by_block: bool) -> Iterator[list[Owed]]:
    """Yield the messages to send, in order; whose first item goes as a frame has no second.

    Args:
        taken: What the credit lets go, in order.
        by_block: Whether the viewer reads this worker's blocks.
    """
    batch: list[Owed] = []
    for owed in taken:
        alone = owed.needs_frame(by_block=by_block)
        if batch and (alone or not _joins(owed, batch)):
            yield batch
            batch = []
        if alone:
            yield [owed]
        else:
            batch.append(owed)
    if batch:
        yield batch


def _joins(owed: Owed, batch: list[Owed]) -> bool:
    if len(batch) >= BATCH_ITEMS:
        return False
    together = owed.call == batch[-1].call
    return together or sum(other.nbytes for other in batch) + owed.nbytes <= BATCH_NBYTES
