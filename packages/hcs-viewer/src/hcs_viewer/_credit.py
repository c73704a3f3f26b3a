"""How much a worker may have in flight. Pure.

Frames, of workers elsewhere, lie in this process before they are taken in: how many, its memory decides.
"""

CREDIT_IMAGES = 64
BLOCK_NBYTES = 1 << 28
"""Of blocks, which lie in the worker's memory."""
FRAME_NBYTES = 1 << 26
"""As much as the fastest links have under way: 10 Gbit/s and 50 ms."""
PART = 1 / 8
"""Of the memory for images, at most, for the frames of all workers together."""
LEAST_NBYTES = 1 << 20
"""With less, a worker would wait for each small image's release; an image larger than this goes alone."""


def frame_credit(budget: int | None, workers: int) -> int:
    """Return how many bytes each worker whose pixels come as frames may have in flight.

    It halves whenever they have doubled: were it less with each that comes, all others would have to be told.

    Args:
        budget: Bytes of memory for images; None is no limit.
        workers: How many such workers there are, from 1 on.
    """
    if budget is None:
        return FRAME_NBYTES
    return max(LEAST_NBYTES, min(FRAME_NBYTES, int(PART * budget) >> (workers - 1).bit_length()))
