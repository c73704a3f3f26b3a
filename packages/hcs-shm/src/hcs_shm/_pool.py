"""The worker's side: lend blocks of shared memory and take them back."""

from dataclasses import dataclass
from pathlib import Path

from hcs_protocol import BlockRef, LentBlock, PoolFullError, SegmentOffer

from ._journaled import JournaledPool
from ._medium import MEMORY
from ._segment import OwnSegment
from ._segments import SMALLEST_SLOT, Segments

_FIRST_SLOTS = 4


@dataclass(slots=True, eq=False)
class Block:
    """A lent block."""

    ref: BlockRef
    pixels: memoryview


class BlockPool(JournaledPool):
    """Lends blocks of shared memory, the one that came back last first; any thread may call it.

    Segments are removed by `close`, when the pool is collected, and when the interpreter exits.
    In a forked child the pool is empty, its blocks stay the parent's.

    Args:
        budget: Bytes that all segments together may have; else ``HCS_SHM_BUDGET``, else a quarter of what is
            free for all pools of this machine, at most 1 GiB. The first small segment is made in any case.
        folder: Where segments lie; else ``HCS_SHM_DIR``, else ``/dev/shm``, else a private temporary folder.
        worker_run: This life of the worker process, for those who find the segments after its death.

    Raises:
        PoolFullError: No folder takes even a small segment.
        ValueError: ``HCS_SHM_BUDGET`` is no number, or ``worker_run`` has more than 64 bytes.
    """

    def __init__(
        self, *, budget: int | None = None, folder: Path | None = None, worker_run: str | None = None
    ) -> None:
        folders = None if folder is None else [folder]
        super().__init__(Segments(MEMORY, folders, budget, worker_run))
        self.nonce = self._slots.segments.nonce
        first = self._offer_new()
        if first is None:
            raise PoolFullError(_FIRST_SLOTS * SMALLEST_SLOT, 0)
        self._first = first

    @property
    def offer(self) -> SegmentOffer:
        """The segment to name in Hello: a small one, which stays."""
        return SegmentOffer(name=self._first.name, folder=str(self._first.path.parent))

    def lend(self, nbytes: int) -> LentBlock:
        """Lend a block of this many bytes; what it held before is still in it.

        Raises:
            PoolFullError: No block is free and no further segment is allowed; or the pool is closed.
        """
        ref, slot = self._lend(nbytes)
        return Block(ref, slot.segment.view(ref.offset, nbytes))

    def mend(self) -> bool:
        """Replace segments that somebody removed, and say whether there were any; call it once a second.

        systemd does so when a user logs out for good. Blocks lent from them stay valid for who has them open;
        `offer` may be another one afterwards.
        """
        with self._lock:
            lost = super().mend()
            if lost and self._first.lent_when_lost is not None:
                self._first = self._offer_new() or self._first
            return lost

    def _offer_new(self) -> OwnSegment | None:
        segments = self._slots.segments
        first = segments.create(_FIRST_SLOTS, SMALLEST_SLOT)
        if first is not None:
            self._slots.add(first)
            self._slots.kept = first
        return first
