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

    def __init__(self, lender: BlockLender | None) -> None:
        """Hold nothing yet; without a lender, all of it will be in ordinary memory."""
        self._lender = lender
        self.offer = lender.offer if lender else None
        """The segment to name in Hello."""
        self.nonce = lender.nonce if lender else None
        """What a viewer on this machine reads from it."""
        self._lent_nbytes = 0
        self._memory_nbytes = 0
        self._warned = False

    def hold(self, nbytes: int) -> Held:
        """Return room for this many bytes.

        Raises:
            PoolFullError: There will be room when something is given back.
        """
        if self._lender is None:
            return self._hold_memory(nbytes)
        try:
            block = self._lender.lend(nbytes)
        except PoolFullError as error:
            if not self._is_hopeless(nbytes, error.free):
                raise
            return self._hold_memory(nbytes)
        self._lent_nbytes += nbytes
        return Held(block.pixels, block)

    def give_back(self, held: Held) -> None:
        """Recycle this room."""
        if held.ref and self._lender:
            self._lent_nbytes -= held.ref.nbytes
            self._lender.take_back(held.ref)
        else:
            self._memory_nbytes -= held.pixels.nbytes

    def close(self) -> None:
        """Remove the pool; a second time is harmless."""
        if self._lender:
            self._lender.close()

    def _is_hopeless(self, nbytes: int, free: int) -> bool:
        return not self._lent_nbytes or free + self._lent_nbytes < nbytes

    def _hold_memory(self, nbytes: int) -> Held:
        if self._memory_nbytes and self._memory_nbytes + nbytes > MEMORY_NBYTES:
            raise PoolFullError(nbytes, max(0, MEMORY_NBYTES - self._memory_nbytes))
        if not self._warned:
            self._warned = True
            logger.warning("no shared memory for an image, sent as a frame nbytes=%d", nbytes)
        self._memory_nbytes += nbytes
        return Held(memoryview(np.empty(nbytes, np.uint8)))
