"""What stands in for clocks, shared memory and disks in tests."""

from collections.abc import Sequence

from ._blocks import BlockRef, LentBlock, SegmentOffer
from ._errors import BlockUnavailableError, PoolFullError
from ._handshake import new_id


class FakeClock:
    """A clock that moves when a test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let this much time pass."""
        self.now += seconds


class FakeBlock:
    """A lent block in ordinary memory."""

    def __init__(self, ref: BlockRef, pixels: bytearray) -> None:
        self.ref = ref
        self.pixels = memoryview(pixels)


class FakeJournal:
    """Keeps what a crash journal would say: of each block its entry, and the numbers it is owed by."""

    def __init__(self) -> None:
        self.entries: dict[BlockRef, bytes] = {}
        self.owed: dict[BlockRef, dict[int, int]] = {}
        """By block and destination, the number the image was sent by; 0 before."""

    def record(self, ref: BlockRef, entry: bytes, destinations: int) -> None:
        """Remember the entry."""
        self.entries[ref] = entry
        self.owed[ref] = dict.fromkeys(range(destinations), 0)

    def number(self, ref: BlockRef, destination: int, sequence: int) -> None:
        """Remember the number."""
        if destination in self.owed.get(ref, {}):
            self.owed[ref][destination] = sequence

    def settle(self, ref: BlockRef, destination: int) -> None:
        """Forget that this one is owed the image."""
        self.owed.get(ref, {}).pop(destination, None)

    def forget(self, ref: BlockRef) -> None:
        """Forget all about a block."""
        self.entries.pop(ref, None)
        self.owed.pop(ref, None)


class FakeLender(FakeJournal):
    """Lends blocks of ordinary memory; `FakeOpener` opens them in the same process."""

    def __init__(self, capacity: int = 1 << 24) -> None:
        super().__init__()
        self.offer = SegmentOffer(name=f"hcs-fake-{new_id()}", folder="memory")
        self.nonce = new_id()
        self.capacity = self.budget = capacity
        self.lent: dict[int, FakeBlock] = {}
        self.closed = False
        self.left: set[BlockRef] = set()
        """Blocks that were owed when it was closed and left them."""
        self._generation = 0
        self._end = 0

    def lend(self, nbytes: int) -> LentBlock:
        """Lend a block; offsets are never used twice."""
        free = self.capacity - sum(block.ref.nbytes for block in self.lent.values())
        if nbytes > free or self.closed:
            raise PoolFullError(nbytes, free)
        self._generation += 1
        offset, self._end = self._end, self._end + max(nbytes, 1)
        ref = BlockRef(segment=self.offer.name, offset=offset, nbytes=nbytes, generation=self._generation)
        block = self.lent[offset] = FakeBlock(ref, bytearray(nbytes))
        return block

    def mend(self) -> bool:
        """Find nothing to mend."""
        return False

    def take_back(self, ref: BlockRef) -> None:
        """Forget the block."""
        self.lent.pop(ref.offset, None)
        self.forget(ref)

    def close(self, *, leave_owed: bool = False) -> None:
        """Forget all blocks; those that are owed are remembered if they are to be left."""
        self.left = set(self.entries) if leave_owed else set()
        self.lent.clear()
        self.closed = True


class FakeSpiller(FakeLender):
    """Spills into ordinary memory; `FakeOpener` opens its blocks like any others."""

    def spill(self, pixels: memoryview) -> BlockRef:
        """Keep a copy."""
        block = self.lend(pixels.nbytes)
        block.pixels[:] = pixels.cast("B")
        return block.ref

    def read(self, ref: BlockRef) -> memoryview:
        """Return the copy."""
        return self.lent[ref.offset].pixels


class FakeOpener:
    """Opens what these `FakeLender` s lent."""

    def __init__(self, *lenders: FakeLender) -> None:
        self.lenders = {lender.offer.name: lender for lender in lenders}
        self.forgotten: list[str] = []

    def read_nonce(self, offer: SegmentOffer) -> str:
        """Return the lender's nonce."""
        return self._lender(offer.name).nonce

    def open(self, ref: BlockRef) -> memoryview:
        """Return the block's bytes."""
        block = self._lender(ref.segment).lent.get(ref.offset)
        if block is None or block.ref != ref:
            raise BlockUnavailableError(f"no such block: {ref!r}")
        return block.pixels.toreadonly()

    def forget(self, segments: Sequence[str]) -> None:
        """Remember which segments were to be forgotten."""
        self.forgotten += segments

    def drop_pages(self) -> None:
        """Do nothing: there are no pages."""

    def close(self) -> None:
        """Forget all lenders."""
        self.lenders.clear()

    def _lender(self, name: str) -> FakeLender:
        if name not in self.lenders or self.lenders[name].closed:
            raise BlockUnavailableError(f"no such segment: {name!r}")
        return self.lenders[name]
