"""Room for pixels until they are adopted: shared memory, else disk, else ordinary memory.

A process has one of these for all its viewers. A block's holders are a set: the viewers that it was published
to and, of a lent one, its array; it comes back when the last of them has let go.
"""

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable

import numpy as np

from hcs_protocol import (
    BlockLender,
    BlockSpiller,
    BlockUnavailableError,
    Destination,
    ImageReady,
    JournalEntry,
    PoolFullError,
    SegmentOffer,
    encode_entry,
)

from ._held import ARRAY, DOUBTED, Held, LentArrays
from ._latency import Durations
from ._owed import Owed
from ._states import IN_DOUBT

logger = logging.getLogger(__name__)

MEMORY_NBYTES = 1 << 28
"""More than this is not kept in ordinary memory, a single image excepted."""
MEND_SECONDS = 1.0
TIGHT = 0.75
"""With so much of the shared memory lent, what waits had better wait on disk."""


class Holdings:
    """What a process holds for its viewers; any thread may call it."""

    def __init__(
        self,
        make_lender: Callable[[], BlockLender | None],
        make_spiller: Callable[[], BlockSpiller | None] = lambda: None,
    ) -> None:
        """Hold nothing yet: the pools are made when a publisher joins.

        Args:
            make_lender: Makes the pool of shared memory; None where there is none.
            make_spiller: Makes the pool on disk, when it is first needed; None where there is none.
        """
        self._make_lender = make_lender
        self._make_spiller = make_spiller
        self.copied_for = Durations()
        """How long it took to copy images into it."""
        self._inherited: list[object] = []
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._collected: deque[Held] = deque()  # an array may be collected anywhere, within our locks too
        self.arrays = LentArrays(self._collected.append)
        self._lender: BlockLender | None = None
        self._spiller: BlockSpiller | None = None
        self._publishers = 0
        self.window_nbytes = MEMORY_NBYTES
        """Bytes that one viewer may have in flight: all of them together half the pool."""
        self._era = object()
        self._lent_nbytes = 0
        self._memory_nbytes = 0
        self._mended_at = 0.0
        self._warned = False
        self._returned = 0

    def leave_to_parent(self) -> None:
        """In a forked child: begin anew, holding nothing; the parent's blocks are not touched."""
        self._inherited += [self._lender, self._spiller, self.arrays]  # kept, so that nobody collects them
        self._begin()

    def join(self) -> None:
        """Count one more publisher; the first makes the pool."""
        with self._lock:
            if not self._publishers:
                self._lender = self._make_lender()
            self._publishers += 1
            self._share_windows()

    def leave(self) -> None:
        """Count one publisher less; the last removes the pools, but for what is still owed."""
        with self._lock:
            self._publishers -= 1
            if self._publishers:
                self._share_windows()
                return
            pools = self._lender, self._spiller
            self._lender = self._spiller = None
            self._era = object()
            self._lent_nbytes = self._memory_nbytes = 0
        for pool in pools:
            if pool:
                pool.close(leave_owed=True)

    @property
    def is_joined(self) -> bool:
        """Whether there is a publisher, and so a pool if there can be one."""
        return self._publishers > 0

    @property
    def has_blocks(self) -> bool:
        """Whether there is shared memory."""
        return self._lender is not None

    @property
    def offer(self) -> SegmentOffer | None:
        """The segment to name in Hello."""
        return self._lender.offer if self._lender else None

    @property
    def nonce(self) -> str | None:
        """What a viewer on this machine reads from it."""
        return self._lender.nonce if self._lender else None

    @property
    def is_tight(self) -> bool:
        """Whether little of the shared memory is left."""
        return self._lender is not None and self._lent_nbytes > TIGHT * self._lender.budget

    def hold(self, nbytes: int) -> Held:
        """Return room for this many bytes: a block or, without shared memory, ordinary memory.

        Raises:
            PoolFullError: There will be room when something is given back; or there never is, `is_hopeless`.
        """
        self.take_back_collected()
        if (lender := self._lender) is None:
            return self.hold_memory(nbytes)
        era = self._count(nbytes)
        try:
            block = lender.lend(nbytes)  # without the lock: the pool may have to make a segment first
        except BaseException:
            self._count(-nbytes)
            raise
        return Held(nbytes, block.pixels, block.ref, lender, era)

    def is_hopeless(self, full: PoolFullError) -> bool:
        """Say whether shared memory will never have room for this image, though all of it came back."""
        return self._lender is not None and (not self._lent_nbytes or full.wanted > self._lender.budget)

    def hold_memory(self, nbytes: int) -> Held:
        """Return ordinary memory for an image that goes as a frame.

        Raises:
            PoolFullError: There will be room when something is given back.
        """
        with self._lock:
            return self._hold_memory(nbytes)

    def hold_beside(self, nbytes: int) -> Held:
        """Return ordinary memory, for an array to compute into that finds its place when it is sent."""
        with self._lock:
            return self._more_memory(nbytes)

    def spill(self, pixels: memoryview) -> Held:
        """Write these bytes to disk.

        Raises:
            PoolFullError: The disk has no room for them.
        """
        with self._lock:
            if self._spiller is None and self._publishers:
                self._spiller = self._make_spiller()
            spiller = self._spiller
        if spiller is None:
            raise PoolFullError(pixels.nbytes, 0)
        return Held(pixels.nbytes, None, spiller.spill(pixels), spiller, self._era)

    def pixels(self, held: Held) -> memoryview:
        """Return the bytes, read from disk if they are there."""
        if held.pixels is not None:
            return held.pixels
        spiller, ref = self._spiller, held.ref
        if spiller is None or ref is None:
            raise PoolFullError(held.nbytes, 0)
        return spiller.read(ref)

    def publish(self, held: Held, image: ImageReady, destinations: list[Destination]) -> None:
        """Write into the crash journal to whom this image, whose holders they are, is owed from now on."""
        held.destinations = destinations
        if held.ref is not None and held.journal is not None:
            entry = encode_entry(JournalEntry(destinations=destinations, image=image))
            held.journal.record(held.ref, entry, len(destinations))

    def number(self, held: Held, place: int, sequence: int) -> None:
        """Write by which number a destination knows it, before it is sent there."""
        if held.ref is not None and held.journal is not None:
            held.journal.number(held.ref, place, sequence)

    def release(self, held: Held, holder: Hashable) -> None:
        """Let one holder go; the last gives the room back. A second time is harmless."""
        with self._lock:
            if holder not in held.holders:
                return
            if len(held.holders) == 1:
                self._give_back(held)
            elif held.ref and held.journal and isinstance(holder, int):
                held.journal.settle(held.ref, holder)
            held.holders -= {holder}  # last: who is interrupted before it says all of this again

    def leave_behind(self, owed: Iterable[Owed]) -> None:
        """Bring images to disk for the next viewer, while other viewers of this process go on.

        Without a disk they stay where they are, and wait for the end of the process.
        """
        spiller = self._make_spiller() if self._publishers > 1 else None
        if spiller is None:
            return  # or all pools are closed now, and left as they are
        for image in owed:
            with contextlib.suppress(PoolFullError, BlockUnavailableError):
                self._leave_one(spiller, image)
        spiller.close(leave_owed=True)

    def _leave_one(self, spiller: BlockSpiller, owed: Owed) -> None:
        if (held := owed.held) is not None and isinstance(owed.item, ImageReady) and held.destinations:
            ref = spiller.spill(self.pixels(held))
            entry = JournalEntry(destinations=[held.destinations[owed.place]], image=owed.item)
            spiller.record(ref, encode_entry(entry), 1)
            spiller.number(ref, 0, owed.sequence)
            held.holders.update({DOUBTED} if owed.state is IN_DOUBT else ())
            self.release(held, owed.place)

    def give_back(self, held: Held) -> None:
        """Recycle room that is not published after all."""
        with self._lock:
            self._give_back(held)

    def look_after(self, now: float) -> None:
        """Do what is due once in a while."""
        self.take_back_collected()
        if now - self._mended_at >= MEND_SECONDS:
            self._mended_at = now
            for pool in (self._lender, self._spiller):
                if pool:
                    pool.mend()

    def take_back_collected(self) -> None:
        """Take back what belonged to arrays that are gone."""
        if not self._collected:
            return
        with contextlib.suppress(IndexError):  # another thread takes them back, too
            while self._collected:
                self.release(self._collected.popleft(), ARRAY)

    @property
    def returned(self) -> int:
        """How often room came back."""
        return self._returned

    def _share_windows(self) -> None:
        room = self._lender.budget if self._lender else 2 * MEMORY_NBYTES
        self.window_nbytes = room // (2 * self._publishers)

    def _count(self, nbytes: int) -> object:
        with self._lock:
            self._lent_nbytes += nbytes
            return self._era

    def _give_back(self, held: Held) -> None:
        if held.era is not self._era:
            return  # its pools are closed
        in_memory, lent = (held.nbytes, 0) if held.ref is None else (0, 0 if held.on_disk else held.nbytes)
        if held.ref is not None and held.journal is not None:
            held.journal.take_back(held.ref)
        self._memory_nbytes -= in_memory
        self._lent_nbytes -= lent
        self._returned += 1

    def _hold_memory(self, nbytes: int) -> Held:
        if self._memory_nbytes and self._memory_nbytes + nbytes > MEMORY_NBYTES:
            raise PoolFullError(nbytes, max(0, MEMORY_NBYTES - self._memory_nbytes))
        if not self._warned:
            self._warned = True
            logger.warning("no shared memory for an image, sent as a frame nbytes=%d", nbytes)
        return self._more_memory(nbytes)

    def _more_memory(self, nbytes: int) -> Held:
        self._memory_nbytes += nbytes
        return Held(nbytes, memoryview(np.empty(nbytes, np.uint8)), era=self._era)
