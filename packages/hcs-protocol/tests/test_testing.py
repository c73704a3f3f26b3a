"""The fakes keep the contracts, and a contract suite notices who does not."""

from array import array
from importlib.resources import files

import pytest

from hcs_protocol import (
    BlockLender,
    BlockOpener,
    BlockRef,
    BlockSpiller,
    LentBlock,
    PixelCopy,
    PixelWriter,
    UnsupportedArrayError,
)
from hcs_protocol.testing import (
    BlockStoreTests,
    FakeClock,
    FakeLender,
    FakeOpener,
    FakeSpiller,
    PixelWriterTests,
    SpillerTests,
    golden_messages,
)


class TestFakes(BlockStoreTests):
    def lender(self) -> BlockLender:
        return FakeLender()

    def opener(self, lender: BlockLender) -> BlockOpener:
        assert isinstance(lender, FakeLender)
        return FakeOpener(lender)


class TestFakeSpiller(SpillerTests):
    def spiller(self) -> BlockSpiller:
        return FakeSpiller(capacity=4 << 20)

    def opener(self, spiller: BlockSpiller) -> BlockOpener:
        assert isinstance(spiller, FakeSpiller)
        return FakeOpener(spiller)


class ViewWriter:
    """Writes memoryviews, the one kind of array that Python has by itself."""

    def layout(self, array: object) -> tuple[tuple[int, ...], str]:
        if not isinstance(array, memoryview):
            raise UnsupportedArrayError(f"wanted a memoryview, got {array!r}")
        return array.shape or (), {"H": "uint16"}[array.format]

    def write(self, array: object, pixels: memoryview) -> None:
        assert isinstance(array, memoryview)
        pixels[:] = array.cast("B")

    def start(self, array: object, pixels: memoryview) -> PixelCopy | None:
        self.write(array, pixels)
        return None

    def finish(self) -> None:
        pass


class TestViewWriter(PixelWriterTests):
    def writer(self) -> PixelWriter:
        return ViewWriter()

    def array(self) -> object:
        return memoryview(array("H", range(12))).cast("B").cast("H", (3, 4))


class ForgetfulLender(FakeLender):
    """Lends the same block again and again."""

    def lend(self, nbytes: int) -> LentBlock:
        return super().lend(nbytes) if not self.lent else next(iter(self.lent.values()))


class EmptySpiller(FakeSpiller):
    """Keeps room for pixels, and no pixels."""

    def spill(self, pixels: memoryview) -> BlockRef:
        return self.lend(pixels.nbytes).ref


def test_a_lender_that_breaks_the_contract_fails_the_suite() -> None:
    class Forgetful(TestFakes):
        def lender(self) -> BlockLender:
            return ForgetfulLender()

    with pytest.raises(AssertionError):
        Forgetful().test_blocks_lent_at_the_same_time_do_not_overlap()


def test_a_spiller_that_breaks_the_contract_fails_the_suite() -> None:
    class Empty(TestFakeSpiller):
        def spiller(self) -> BlockSpiller:
            return EmptySpiller()

    with pytest.raises(AssertionError):
        Empty().test_a_viewer_opens_what_was_spilled()


def test_a_fake_journal_tells_who_is_owed_an_image_and_by_which_number() -> None:
    lender = FakeLender()
    ref = lender.lend(8).ref
    lender.record(ref, b"entry", 3)
    lender.number(ref, 2, 41)
    lender.settle(ref, 0)

    assert (lender.entries, lender.owed) == ({ref: b"entry"}, {ref: {1: 0, 2: 41}})


def test_a_fake_journal_forgets_a_block_that_came_back() -> None:
    lender = FakeLender()
    ref = lender.lend(8).ref
    lender.record(ref, b"entry", 1)
    lender.take_back(ref)
    lender.number(ref, 0, 41)

    assert (lender.entries, lender.owed) == ({}, {})


def test_a_block_of_the_fake_can_be_named_however_many_were_lent_before() -> None:
    lender = FakeLender()
    for _ in range(1000):
        ref = lender.lend(8).ref
        lender.take_back(ref)

    assert ref == BlockRef(segment=lender.offer.name, offset=999 * 8, nbytes=8, generation=1000)


def test_the_fake_clock_moves_when_it_is_told() -> None:
    clock = FakeClock(now=5.0)
    before = clock()
    clock.advance(2.5)

    assert (before, clock()) == (5.0, 7.5)


def test_golden_messages_are_shipped_with_the_package() -> None:
    names = {entry.name for entry in (files("hcs_protocol") / "golden" / "1").iterdir()}

    assert set(golden_messages(1)) == names
    assert "hello.json" in names
