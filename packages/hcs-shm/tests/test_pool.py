import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hcs_protocol import BlockLender, BlockOpener, PoolFullError, UnsupportedArrayError
from hcs_protocol.testing import BlockStoreTests
from hcs_shm import BlockPool, BlockReader
from hcs_shm._segment import open_segment

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
    refs = [pool.lend(IMAGE).ref for _ in range(8)]

    assert len({ref.segment for ref in refs}) == 1
    assert len(list(folder.iterdir())) == 2


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


def test_an_array_can_be_written_in_its_block(pool: BlockPool) -> None:
    block, array = pool.lend_array((3, 4), np.uint16)
    array[:] = np.arange(12).reshape(3, 4)

    reader = BlockReader()
    assert bytes(reader.open(block.ref)) == np.arange(12, dtype="<u2").tobytes()
    reader.close()


@pytest.mark.parametrize(("shape", "dtype"), [((2, 2), "complex128"), ((0, 2), "uint8"), ((-2, -2), "uint8")])
def test_an_array_that_no_image_is_like_is_refused(
    shape: tuple[int, ...], dtype: str, pool: BlockPool
) -> None:
    with pytest.raises(UnsupportedArrayError, match=dtype):
        pool.lend_array(shape, dtype)


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


def test_what_is_recorded_stands_in_the_journal_until_the_block_comes_back(pool: BlockPool) -> None:
    block = pool.lend(100)
    journal = open_segment(Path(pool.offer.folder, pool.offer.name)).journal
    index = journal.index_of(block.ref.offset)

    pool.record(block.ref, b"descriptor")
    recorded = journal.committed(index).descriptor
    pool.take_back(block.ref)

    assert recorded == b"descriptor"
    assert journal.committed(index).descriptor is None


def test_recording_a_block_that_came_back_is_harmless(pool: BlockPool) -> None:
    block = pool.lend(100)
    pool.take_back(block.ref)

    pool.record(block.ref, b"late")


def test_views_outlive_a_closed_pool(pool: BlockPool) -> None:
    block, array = pool.lend_array((4,), np.uint8)
    array[:] = 7

    pool.close()

    assert array.tolist() == [7, 7, 7, 7]
    assert bytes(block.pixels) == b"\7\7\7\7"


def test_a_closed_pool_lends_nothing_and_takes_all(pool: BlockPool) -> None:
    ref = pool.lend(100).ref
    pool.close()

    pool.take_back(ref)
    pool.record(ref, b"late")

    with pytest.raises(PoolFullError):
        pool.lend(100)


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
