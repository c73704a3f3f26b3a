"""Fakes, contract suites and golden messages: for our own tests and for third parties.

Subclass a suite and give it your implementation; pytest runs its tests. Nothing here needs pytest itself.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import TypeVar

from ._blocks import (
    BlockJournal,
    BlockLender,
    BlockOpener,
    BlockRef,
    BlockSpiller,
    PixelWriter,
    SegmentOffer,
)
from ._compression_suites import (
    FRAME_SPEC,
    CompressorTests,
    DecompressorTests,
    frame_pixels,
    golden_frames,
)
from ._errors import BlockUnavailableError, PoolFullError, UnsupportedArrayError
from ._fakes import FakeBlock, FakeClock, FakeJournal, FakeLender, FakeOpener, FakeSpiller
from ._message import PROTOCOL_VERSION

__all__ = [
    "FRAME_SPEC",
    "BlockStoreTests",
    "CompressorTests",
    "DecompressorTests",
    "FakeBlock",
    "FakeClock",
    "FakeJournal",
    "FakeLender",
    "FakeOpener",
    "FakeSpiller",
    "PixelWriterTests",
    "SpillerTests",
    "frame_pixels",
    "golden_frames",
    "golden_messages",
]

Raised = TypeVar("Raised", bound=Exception)


def golden_messages(version: int = PROTOCOL_VERSION) -> dict[str, bytes]:
    """Return the kept bytes of every message of a protocol version, by file name."""
    folder = files("hcs_protocol") / "golden" / str(version)
    return {
        entry.name: entry.read_bytes() for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
    }


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

    def test_a_view_stays_valid_when_its_pages_are_dropped(self) -> None:
        with self.both() as (lender, opener):
            block = lender.lend(4)
            block.pixels[:] = b"kept"
            view = opener.open(block.ref)
            opener.drop_pages()

            assert bytes(view) == b"kept"

    def test_a_lender_whose_segments_are_all_there_has_nothing_to_mend(self) -> None:
        with self.both() as (lender, opener):
            block = lender.lend(4)
            block.pixels[:] = b"kept"

            assert not lender.mend()
            assert bytes(opener.open(block.ref)) == b"kept"

    def test_a_lenders_journal_takes_what_came_too_late(self) -> None:
        with self.both() as (lender, opener):
            old, new = lender.lend(64), lender.lend(64)
            new.pixels[:] = b"n" * 64
            _write_too_late(lender, old.ref)

            assert bytes(opener.open(new.ref)) == b"n" * 64


class SpillerTests:
    """The contract of `BlockSpiller`; a subclass says what `spiller` and `opener` are."""

    def spiller(self) -> BlockSpiller:
        """Return a new spiller with room for a few blocks of 1 MiB."""
        raise NotImplementedError

    def opener(self, spiller: BlockSpiller) -> BlockOpener:
        """Return a new opener that can see the spiller's segments."""
        raise NotImplementedError

    @contextmanager
    def both(self) -> Iterator[tuple[BlockSpiller, BlockOpener]]:
        """Make a spiller and an opener, and close them."""
        spiller = self.spiller()
        opener = self.opener(spiller)
        try:
            yield spiller, opener
        finally:
            opener.close()
            spiller.close()

    def test_a_viewer_opens_what_was_spilled(self) -> None:
        with self.both() as (spiller, opener):
            for nbytes in (1, 4097, 1 << 20):
                pixels = bytes(range(256)) * (nbytes // 256) + b"z" * (nbytes % 256)
                ref = spiller.spill(memoryview(pixels))

                assert ref.nbytes == nbytes
                assert opener.open(ref) == pixels

    def test_what_was_spilled_is_opened_read_only(self) -> None:
        with self.both() as (spiller, opener):
            assert opener.open(spiller.spill(memoryview(b"pixels"))).readonly

    def test_the_worker_reads_what_it_spilled(self) -> None:
        with self.both() as (spiller, _):
            ref = spiller.spill(memoryview(b"pixels"))

            assert bytes(spiller.read(ref)) == b"pixels"

    def test_pixels_of_any_type_are_spilled_as_bytes(self) -> None:
        with self.both() as (spiller, opener):
            pixels = memoryview(bytearray(range(24))).cast("H", (3, 4))

            assert opener.open(spiller.spill(pixels)) == bytes(range(24))

    def test_blocks_spilled_at_the_same_time_do_not_overlap(self) -> None:
        with self.both() as (spiller, opener):
            refs = [spiller.spill(memoryview(bytes([number]) * 1000)) for number in range(20)]

            assert [bytes(opener.open(ref))[-1] for ref in refs] == list(range(20))

    def test_a_reference_to_a_block_that_came_back_is_refused_when_it_is_used_anew(self) -> None:
        with self.both() as (spiller, opener):
            old = spiller.spill(memoryview(b"1" * 4096))
            spiller.take_back(old)
            new = spiller.spill(memoryview(b"2" * 4096))

            assert new != old
            _expect(BlockUnavailableError, lambda: opener.open(old))

    def test_taking_a_spilled_block_back_twice_is_harmless(self) -> None:
        with self.both() as (spiller, opener):
            old = spiller.spill(memoryview(b"old"))
            spiller.take_back(old)
            spiller.take_back(old)
            first, second = spiller.spill(memoryview(b"1")), spiller.spill(memoryview(b"2"))
            spiller.take_back(old)

            assert (bytes(opener.open(first)), bytes(opener.open(second))) == (b"1", b"2")

    def test_a_full_spiller_says_so_and_has_room_when_a_block_came_back(self) -> None:
        with self.both() as (spiller, opener):
            refs: list[BlockRef] = []
            _expect(PoolFullError, lambda: _spill_until_full(spiller, refs))
            spiller.take_back(refs.pop())

            refs.append(spiller.spill(memoryview(b"b" * (1 << 20))))

            assert bytes(opener.open(ref)[0] for ref in refs) == b"a" * (len(refs) - 1) + b"b"

    def test_a_spillers_journal_takes_what_came_too_late(self) -> None:
        with self.both() as (spiller, opener):
            old, new = (spiller.spill(memoryview(word)) for word in (b"old", b"new"))
            _write_too_late(spiller, old)

            assert bytes(opener.open(new)) == b"new"

    def test_a_closed_spiller_leaves_no_segment_to_open(self) -> None:
        with self.both() as (spiller, opener):
            ref = spiller.spill(memoryview(b"pixels"))
            spiller.close()
            spiller.close()

            _expect(BlockUnavailableError, lambda: opener.open(ref))


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

    def test_pixels_are_there_when_what_was_started_is_waited_for(self) -> None:
        pixels = bytearray(24)

        if copy := self.writer().start(self.array(), memoryview(pixels)):
            copy.wait()
            copy.wait()
        self.writer().finish()

        assert pixels == b"".join(value.to_bytes(2, "little") for value in range(12))

    def test_what_is_no_array_is_refused(self) -> None:
        _expect(UnsupportedArrayError, lambda: self.writer().layout("no array"))
        _expect(UnsupportedArrayError, lambda: self.writer().layout(None))

    def test_room_of_another_size_is_refused(self) -> None:
        _expect(ValueError, lambda: self.writer().write(self.array(), memoryview(bytearray(23))))


def _spill_until_full(spiller: BlockSpiller, refs: list[BlockRef]) -> None:
    for _ in range(256):
        refs.append(spiller.spill(memoryview(b"a" * (1 << 20))))


def _write_too_late(journal: BlockJournal, ref: BlockRef) -> None:
    journal.record(ref, b"{}", 2)
    journal.number(ref, 1, 7)
    journal.settle(ref, 0)
    journal.settle(ref, 0)
    journal.take_back(ref)
    journal.record(ref, b"{}", 2)
    journal.number(ref, 0, 8)
    journal.settle(ref, 1)
    journal.take_back(ref)


def _expect(kind: type[Raised], act: Callable[[], object]) -> Raised:
    try:
        act()
    except kind as error:
        return error
    raise AssertionError(f"wanted {kind.__name__}, nothing was raised")
