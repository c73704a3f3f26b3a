import gc
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hcs_protocol import BlockLender, BlockOpener, BlockUnavailableError, LentBlock, PoolFullError
from hcs_protocol.testing import BlockStoreTests
from hcs_shm import BlockPool, BlockReader, list_segments
from hcs_shm._journal import OwedRecord
from hcs_shm._segment import open_table

IMAGE = 1 << 20
BUDGET = 24 << 20


class TestSharedMemory(BlockStoreTests):
    def lender(self) -> BlockLender:
        return BlockPool()

    def opener(self, lender: BlockLender) -> BlockOpener:
        return BlockReader()


@pytest.fixture
def pool() -> Iterator[BlockPool]:
    with_a_budget = BlockPool(budget=BUDGET)
    yield with_a_budget
    with_a_budget.close()


def test_the_block_that_came_back_last_is_lent_first(pool: BlockPool) -> None:
    refs = [pool.lend(IMAGE).ref for _ in range(3)]
    for ref in refs:
        pool.take_back(ref)

    again = [pool.lend(IMAGE).ref for _ in range(3)]

    assert [ref.offset for ref in again] == [ref.offset for ref in reversed(refs)]


def test_a_segment_is_made_for_a_new_size_only(pool: BlockPool, folder: Path) -> None:
    refs = [pool.lend(IMAGE).ref for _ in range(7)]

    assert len({ref.segment for ref in refs}) == 1
    assert len(list(folder.iterdir())) == 2


def test_a_pool_says_what_it_may_have(pool: BlockPool) -> None:
    assert pool.budget == BUDGET


def test_a_full_pool_says_how_much_is_free(pool: BlockPool) -> None:
    with pytest.raises(PoolFullError) as caught:
        pool.lend(BUDGET)

    assert caught.value.wanted == BUDGET
    assert pool.lend(caught.value.free).ref.nbytes == caught.value.free


def test_a_full_pool_lends_again_what_came_back(pool: BlockPool) -> None:
    refs = [pool.lend(IMAGE).ref for _ in range(23)]
    with pytest.raises(PoolFullError):
        pool.lend(IMAGE)

    pool.take_back(refs[5])

    assert pool.lend(IMAGE).ref.offset == refs[5].offset


def test_a_full_pool_lends_a_larger_slot(pool: BlockPool) -> None:
    large = pool.lend(20 << 20).ref
    pool.take_back(large)
    refs = [pool.lend(3 << 20).ref for _ in range(2)]

    assert large.segment in {ref.segment for ref in refs}


def test_a_segment_of_which_nothing_is_lent_makes_room_for_another_size(
    pool: BlockPool, folder: Path
) -> None:
    small = [pool.lend(IMAGE).ref for _ in range(22)]
    for ref in small:
        pool.take_back(ref)

    large = pool.lend(20 << 20).ref

    assert large.segment not in {ref.segment for ref in small}
    assert sum(path.stat().st_size for path in folder.iterdir()) <= BUDGET


def test_a_segment_of_which_a_block_is_lent_stays(pool: BlockPool) -> None:
    small = [pool.lend(IMAGE) for _ in range(22)]
    small[21].pixels[:3] = b"new"
    for block in small[:21]:
        pool.take_back(block.ref)

    with pytest.raises(PoolFullError):
        pool.lend(20 << 20)
    reader = BlockReader()
    assert bytes(reader.open(small[21].ref)[:3]) == b"new"
    reader.close()


def test_the_offered_segment_is_never_removed(pool: BlockPool) -> None:
    pool.lend(IMAGE)
    pool.take_back(pool.lend(8 << 20).ref)
    pool.lend(14 << 20)

    reader = BlockReader()
    assert reader.read_nonce(pool.offer) == pool.nonce
    reader.close()


def test_a_budget_that_is_no_number_leaves_no_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCS_SHM_BUDGET", "plenty")

    with pytest.raises(ValueError, match="plenty"):
        BlockPool()


def test_a_worker_run_that_is_too_long_leaves_no_segment() -> None:
    with pytest.raises(ValueError, match="at most 64 bytes"):
        BlockPool(worker_run="w" * 65)


def test_a_negative_length_is_refused(pool: BlockPool) -> None:
    with pytest.raises(ValueError, match="got -1"):
        pool.lend(-1)


def owed(pool: BlockPool, block: LentBlock) -> OwedRecord | None:
    journal = open_table(Path(pool.offer.folder, block.ref.segment)).journal
    return journal.owed(journal.index_of(block.ref.offset))


def test_what_is_recorded_stands_in_the_journal_until_the_block_comes_back(pool: BlockPool) -> None:
    block = pool.lend(100)

    pool.record(block.ref, b"entry", 3)
    pool.number(block.ref, 1, 42)
    pool.settle(block.ref, 0)
    recorded = owed(pool, block)
    pool.take_back(block.ref)

    assert recorded is not None
    assert (recorded.entry, recorded.owed, recorded.numbers[:3]) == (b"entry", (1, 2), (0, 42, 0))
    assert owed(pool, block) is None


def test_a_record_has_the_times_of_now(pool: BlockPool) -> None:
    block = pool.lend(100)
    begin = time.time_ns(), time.monotonic_ns()

    pool.record(block.ref, b"entry", 1)

    recorded = owed(pool, block)
    assert recorded is not None
    assert begin[0] <= recorded.recorded_at <= time.time_ns()
    assert begin[1] <= recorded.uptime <= time.monotonic_ns()


def test_a_block_that_came_back_keeps_what_is_written_of_it_late(pool: BlockPool) -> None:
    old = pool.lend(100)
    pool.take_back(old.ref)
    new = pool.lend(100)
    pool.record(new.ref, b"new", 2)

    pool.record(old.ref, b"late", 1)
    pool.number(old.ref, 0, 9)
    pool.settle(old.ref, 0)

    recorded = owed(pool, new)
    assert recorded is not None
    assert (recorded.entry, recorded.owed, recorded.numbers[0]) == (b"new", (0, 1), 0)


def test_an_entry_that_is_too_long_is_left_out_with_one_warning(
    pool: BlockPool, caplog: pytest.LogCaptureFixture
) -> None:
    block = pool.lend(100)
    pool.record(block.ref, b"short", 1)

    for _ in range(3):
        pool.record(block.ref, b"e" * 3000, 1)

    assert owed(pool, block) is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "entry=3000" in caplog.text


def test_views_outlive_a_closed_pool(pool: BlockPool) -> None:
    block = pool.lend(4)
    block.pixels[:] = b"\7\7\7\7"

    pool.close()

    assert bytes(block.pixels) == b"\7\7\7\7"


def test_a_closed_pool_lends_nothing_and_takes_all(pool: BlockPool) -> None:
    ref = pool.lend(100).ref
    pool.close()

    pool.take_back(ref)
    pool.record(ref, b"late", 1)
    pool.number(ref, 0, 1)
    pool.settle(ref, 0)

    with pytest.raises(PoolFullError):
        pool.lend(100)
    assert not pool.mend()


def test_a_collected_pool_leaves_nothing(folder: Path) -> None:
    pool = BlockPool(budget=BUDGET)
    pool.lend(IMAGE)
    assert len(list(folder.iterdir())) == 2

    del pool
    gc.collect()

    assert list(folder.iterdir()) == []


def test_many_threads_never_share_a_block(pool: BlockPool) -> None:
    spoilt = []

    def work(number: int) -> None:
        for _ in range(200):
            block = pool.lend(1000)
            block.pixels[:] = bytes([number]) * 1000
            if bytes(block.pixels) != bytes([number]) * 1000:
                spoilt.append(number)
            pool.take_back(block.ref)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert spoilt == []


def test_a_folder_can_be_chosen(folder: Path) -> None:
    pool = BlockPool(folder=folder / "mine", budget=0)

    assert pool.offer.folder == str(folder / "mine")
    assert len(list((folder / "mine").iterdir())) == 1
    pool.close()


def test_the_first_block_is_one_of_the_offered_segment(pool: BlockPool) -> None:
    assert pool.lend(100).ref.segment == pool.offer.name


posix = pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be removed there")


def remove_all(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


@posix
def test_a_pool_whose_segments_were_removed_lends_from_new_ones(pool: BlockPool, folder: Path) -> None:
    old = pool.lend(IMAGE)
    remove_all(folder)

    mended = pool.mend()
    new = pool.lend(IMAGE)

    assert mended
    assert new.ref.segment != old.ref.segment
    assert new.ref.segment in {path.name for path in folder.iterdir()}


@posix
def test_nothing_is_mended_that_is_whole(pool: BlockPool, folder: Path) -> None:
    first = pool.mend()
    remove_all(folder)

    assert [first, pool.mend(), pool.mend()] == [False, True, False]


@posix
def test_the_removal_of_segments_is_one_warning_that_says_what_to_do(
    pool: BlockPool, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        pool.lend(IMAGE)
        remove_all(folder)
        pool.mend()

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "RemoveIPC=no" in caplog.text


@posix
def test_after_a_removal_viewers_are_offered_a_segment_that_is_there(pool: BlockPool, folder: Path) -> None:
    reader = BlockReader()
    remove_all(folder)
    with pytest.raises(BlockUnavailableError):
        reader.read_nonce(pool.offer)

    pool.mend()

    assert reader.read_nonce(pool.offer) == pool.nonce
    reader.close()


@posix
def test_blocks_of_a_removed_segment_stay_valid_and_come_back(pool: BlockPool, folder: Path) -> None:
    reader = BlockReader()
    blocks = [pool.lend(IMAGE) for _ in range(3)]
    opened = reader.open(blocks[1].ref)
    remove_all(folder)
    pool.mend()

    blocks[1].pixels[:3] = b"new"
    seen = bytes(opened[:3])
    unused = pool._slots.segments.unused
    for block in blocks:
        pool.take_back(block.ref)

    assert seen == b"new"
    assert pool._slots.segments.unused == unused + 8 * IMAGE + 5 * 4096
    reader.close()


@posix
def test_a_pool_without_room_for_a_new_offer_keeps_the_old_one(pool: BlockPool, folder: Path) -> None:
    offer = pool.offer
    remove_all(folder)
    (folder / "file").touch()
    pool._slots.segments._folders = [folder / "file" / "none"]

    assert pool.mend()
    assert pool.offer == offer


def test_a_collected_pool_leaves_nothing_though_a_segment_is_being_made(folder: Path) -> None:
    pool = BlockPool(budget=BUDGET)
    for _ in range(8):
        pool.lend(IMAGE)

    del pool
    gc.collect()

    assert list(folder.iterdir()) == []


def test_a_closed_pool_leaves_segments_that_owe_images_if_it_is_told_to(tmp_path: Path) -> None:
    pool = BlockPool(folder=tmp_path, budget=1 << 24)
    owed, settled = pool.lend(1 << 16).ref, pool.lend(1 << 20).ref
    for ref in (owed, settled):
        pool.record(ref, b"entry", 1)
    pool.settle(settled, 0)

    pool.close(leave_owed=True)
    pool.close()

    (left,) = list_segments([tmp_path])
    assert (left.name, left.owed, left.owner_alive) == (owed.segment, 1, False)
