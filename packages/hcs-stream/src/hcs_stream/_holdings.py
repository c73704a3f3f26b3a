"""Room for pixels until they are adopted: blocks of shared memory, or ordinary memory where those fail."""

import logging

import numpy as np

from hcs_protocol import BlockLender, PoolFullError

from ._delivery import Held

logger = logging.getLogger(__name__)

MEMORY_NBYTES = 1 << 28
"""More than this is not kept in ordinary memory, a single image excepted."""


class Holdings:
    """What a publisher holds of its pool and beside it; its publisher's lock is held around every call."""

    def __init__(self, lender: BlockLender) -> None:
        self.lender = lender
        self._lent_nbytes = 0
        self._memory_nbytes = 0
        self._warned = False

    def hold(self, nbytes: int) -> Held:
        """Return room for this many bytes.

        Raises:
            PoolFullError: There will be room when something is given back.
        """
        try:
            block = self.lender.lend(nbytes)
        except PoolFullError as error:
            if not self._is_hopeless(nbytes, error.free):
                raise
            return self._hold_memory(nbytes)
        self._lent_nbytes += nbytes
        return Held(block.pixels, block)

    def give_back(self, held: Held) -> None:
        """Recycle this room."""
        if held.ref:
            self._lent_nbytes -= held.ref.nbytes
            self.lender.take_back(held.ref)
        else:
            self._memory_nbytes -= held.pixels.nbytes

    def close(self) -> None:
        """Remove the pool; a second time is harmless."""
        self.lender.close()

    def _is_hopeless(self, nbytes: int, free: int) -> bool:
        never = not self._lent_nbytes or free + self._lent_nbytes < nbytes
        room = not self._memory_nbytes or self._memory_nbytes + nbytes <= MEMORY_NBYTES
        return never and room

    def _hold_memory(self, nbytes: int) -> Held:
        if not self._warned:
            self._warned = True
            logger.warning("no shared memory for an image, sent as a frame nbytes=%d", nbytes)
        self._memory_nbytes += nbytes
        return Held(memoryview(np.empty(nbytes, np.uint8)))
