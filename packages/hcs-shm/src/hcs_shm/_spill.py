"""The worker's side: keep images on disk that no viewer took in time."""

from pathlib import Path

from hcs_protocol import BlockRef, BlockUnavailableError, PoolFullError

from ._journaled import JournaledPool
from ._medium import DISK
from ._segments import Segments


class SpillPool(JournaledPool):
    """Writes images into blocks on disk, which a viewer opens like those in memory; any thread may call it.

    Nothing is made before the first image. Each costs one write into a file that has its room already.
    Files are removed by `close`, when the pool is collected, and when the interpreter exits.
    In a forked child the pool is empty, its blocks stay the parent's.

    Args:
        budget: Bytes that all files together may have; else ``HCS_SPILL_BUDGET``, else a quarter of what is
            free, at most 16 GiB.
        folder: Where files lie; else ``HCS_SPILL_DIR``, else a private folder in ``/var/tmp``, else in the
            temporary folder.
        worker_run: This life of the worker process, for those who find the files after its death.

    Raises:
        ValueError: ``HCS_SPILL_BUDGET`` is no number, or ``worker_run`` has more than 64 bytes.
    """

    def __init__(
        self, *, budget: int | None = None, folder: Path | None = None, worker_run: str | None = None
    ) -> None:
        folders = None if folder is None else [folder]
        super().__init__(Segments(DISK, folders, budget, worker_run))

    def spill(self, pixels: memoryview) -> BlockRef:
        """Write these bytes into a block and return its reference.

        Args:
            pixels: Contiguous bytes, of any format.

        Raises:
            PoolFullError: The budget is used up, or the disk is full; or the pool is closed.
        """
        with self._slots.in_use():
            ref, slot = self._lend(pixels.nbytes)
            try:
                slot.segment.write(slot.offset, pixels.cast("B"))
            except OSError as error:
                self.take_back(ref)
                self._slots.segments.say_full(pixels.nbytes, [f"{slot.segment.path}: {error.strerror}"])
                raise PoolFullError(pixels.nbytes, 0) from error
            except BaseException:  # pixels that are not contiguous, or Ctrl-C
                self.take_back(ref)
                raise
            return ref

    def read(self, ref: BlockRef) -> memoryview:
        """Return a copy of a block's bytes, for a viewer that cannot open it.

        Raises:
            BlockUnavailableError: The block came back, or cannot be read.
        """
        with self._slots.in_use():
            if (slot := self._lent.get(ref)) is None:
                raise BlockUnavailableError(f"no such block: {ref!r}")
            try:
                return slot.segment.read(ref.offset, ref.nbytes)
            except OSError as error:
                raise BlockUnavailableError(f"{ref!r}: {error.strerror}") from error
