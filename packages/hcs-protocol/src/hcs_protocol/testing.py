"""Fakes, contract suites and golden messages: for our own tests and for third parties.

Subclass a suite and give it your implementation; pytest runs its tests. Nothing here needs pytest itself.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import TypeVar

from ._blocks import BlockLender, BlockOpener, BlockRef, LentBlock, PixelWriter, SegmentOffer
from ._errors import BlockUnavailableError, PoolFullError, UnsupportedArrayError
from ._handshake import new_id
from ._message import PROTOCOL_VERSION

Raised = TypeVar("Raised", bound=Exception)


def golden_messages(version: int = PROTOCOL_VERSION) -> dict[str, bytes]:
    """Return the kept bytes of every message of a protocol version, by file name."""
    folder = files("hcs_protocol") / "golden" / str(version)
    return {
        entry.name: entry.read_bytes() for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
    }


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


class FakeLender:
    """Lends blocks of ordinary memory; `FakeOpener` opens them in the same process."""

    def __init__(self, capacity: int = 1 << 24) -> None:
        self.offer = SegmentOffer(name=f"hcs-fake-{new_id()}", folder="memory")
        self.nonce = new_id()
        self.capacity = capacity
        self.lent: dict[int, FakeBlock] = {}
        self.closed = False
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

    def take_back(self, ref: BlockRef) -> None:
        """Forget the block."""
        self.lent.pop(ref.offset, None)

    def close(self) -> None:
        """Forget all blocks."""
        self.lent.clear()
        self.closed = True


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

    def close(self) -> None:
        """Forget all lenders."""
        self.lenders.clear()

    def _lender(self, name: str) -> FakeLender:
        if name not in self.lenders or self.lenders[name].closed:
            raise BlockUnavailableError(f"no such segment: {name!r}")
        return self.lenders[name]


class BlockStoreTests:
    """The contract of `BlockLender` and `BlockOpener`; a subclass says what `lender` and `opener` are."""

    def lender(self) -> BlockLender:
        """Return a new lender with room for a few blocks of 1 MiB."""
        raise NotImplementedError

    def opener(self, lender: BlockLender) -> BlockOpener:
        """Return a new opener that can see the lender's segments."""
        raise NotImplementedError

    @contextmanager
    def both(self) -> Iterator[tuple[BlockLender, BlockOpener]]:
        """Make a lender and an opener, and close them."""
        lender = self.lender()
        opener = self.opener(lender)
        try:
            yield lender, opener
        finally:
            opener.close()
            lender.close()

    def test_an_opened_block_has_the_bytes_that_were_written(self) -> None:
        with self.both() as (lender, opener):
            block = lender.lend(6)
            block.pixels[:] = b"pixels"

            assert bytes(opener.open(block.ref)) == b"pixels"

    def test_a_block_is_exactly_as_long_as_was_asked(self) -> None:
        with self.both() as (lender, _):
            for nbytes in (1, 63, 4097, 1 << 20):
                block = lender.lend(nbytes)

                assert block.pixels.nbytes == block.ref.nbytes == nbytes

    def test_blocks_lent_at_the_same_time_do_not_overlap(self) -> None:
        with self.both() as (lender, opener):
            blocks = [lender.lend(1000) for _ in range(20)]
            for number, block in enumerate(blocks):
                block.pixels[:] = bytes([number]) * 1000

            assert [bytes(opener.open(block.ref))[0] for block in blocks] == list(range(20))

    def test_an_opened_block_is_read_only(self) -> None:
        with self.both() as (lender, opener):
            assert opener.open(lender.lend(8).ref).readonly

    def test_a_reference_to_a_block_that_was_lent_anew_is_refused(self) -> None:
        with self.both() as (lender, opener):
            old = lender.lend(1 << 16).ref
            lender.take_back(old)
            new = lender.lend(1 << 16).ref

            assert new != old
            _expect(BlockUnavailableError, lambda: opener.open(old))

    def test_taking_a_block_back_twice_is_harmless(self) -> None:
        with self.both() as (lender, opener):
            old = lender.lend(64).ref
            lender.take_back(old)
            lender.take_back(old)
            first, second = lender.lend(64), lender.lend(64)
            lender.take_back(old)
            first.pixels[:], second.pixels[:] = b"1" * 64, b"2" * 64

            assert bytes(opener.open(first.ref)) == b"1" * 64

    def test_a_lender_without_room_says_so(self) -> None:
        with self.both() as (lender, _):
            error = _expect(PoolFullError, lambda: lender.lend(1 << 36))

            assert isinstance(error, MemoryError)

    def test_the_nonce_is_read_from_the_offered_segment(self) -> None:
        with self.both() as (lender, opener):
            assert opener.read_nonce(lender.offer) == lender.nonce

    def test_an_unknown_segment_is_refused(self) -> None:
        with self.both() as (lender, opener):
            missing = SegmentOffer(name="hcs-0-missing", folder=lender.offer.folder)
            ref = BlockRef(segment="hcs-0-missing", offset=0, nbytes=1, generation=1)

            _expect(BlockUnavailableError, lambda: opener.read_nonce(missing))
            _expect(BlockUnavailableError, lambda: opener.open(ref))

    def test_a_reference_beyond_the_segment_is_refused(self) -> None:
        with self.both() as (lender, opener):
            ref = lender.lend(64).ref
            beyond = BlockRef(segment=ref.segment, offset=1 << 35, nbytes=64, generation=ref.generation)
            longer = BlockRef(
                segment=ref.segment, offset=ref.offset, nbytes=1 << 35, generation=ref.generation
            )

            _expect(BlockUnavailableError, lambda: opener.open(beyond))
            _expect(BlockUnavailableError, lambda: opener.open(longer))

    def test_a_closed_lender_leaves_no_segment_to_open(self) -> None:
        with self.both() as (lender, opener):
            ref = lender.lend(64).ref
            lender.close()
            lender.close()

            _expect(BlockUnavailableError, lambda: opener.open(ref))

    def test_forgetting_segments_is_harmless(self) -> None:
        with self.both() as (lender, opener):
            ref = lender.lend(3).ref
            view = opener.open(ref)
            opener.forget([ref.segment, "hcs-0-missing"])
            opener.forget([ref.segment])

            assert view.nbytes == 3


class PixelWriterTests:
    """The contract of `PixelWriter`; a subclass gives it and an array of ``0…11``, uint16, ``(3, 4)``."""

    def writer(self) -> PixelWriter:
        """Return the writer."""
        raise NotImplementedError

    def array(self) -> object:
        """Return the array."""
        raise NotImplementedError

    def test_the_layout_is_shape_and_name_of_the_dtype(self) -> None:
        assert self.writer().layout(self.array()) == ((3, 4), "uint16")

    def test_pixels_are_written_in_c_order_and_little_endian(self) -> None:
        pixels = bytearray(24)

        self.writer().write(self.array(), memoryview(pixels))

        assert pixels == b"".join(value.to_bytes(2, "little") for value in range(12))

    def test_what_is_no_array_is_refused(self) -> None:
        _expect(UnsupportedArrayError, lambda: self.writer().layout("no array"))
        _expect(UnsupportedArrayError, lambda: self.writer().layout(None))

    def test_room_of_another_size_is_refused(self) -> None:
        _expect(ValueError, lambda: self.writer().write(self.array(), memoryview(bytearray(23))))


def _expect(kind: type[Raised], act: Callable[[], object]) -> Raised:
    try:
        act()
    except kind as error:
        return error
    raise AssertionError(f"wanted {kind.__name__}, nothing was raised")
