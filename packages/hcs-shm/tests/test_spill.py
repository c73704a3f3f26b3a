import gc
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hcs_protocol import BlockSpiller, BlockUnavailableError, PoolFullError
from hcs_shm import BlockReader, SpillPool
from hcs_shm._segment import open_table

IMAGE = 1 << 20


@pytest.fixture
def pool() -> Iterator[SpillPool]:
    with_a_budget = SpillPool(budget=24 << 20)
    yield with_a_budget
    with_a_budget.close()


@pytest.fixture
def reader() -> Iterator[BlockReader]:
    here = BlockReader()
    yield here
    here.close()


def image(value: int, nbytes: int = IMAGE) -> memoryview:
    return memoryview(bytes([value]) * nbytes)


def test_a_spilled_image_is_opened_like_any_other(pool: BlockSpiller, reader: BlockReader) -> None:
    refs = [pool.spill(image(value)) for value in range(3)]

    assert [bytes(reader.open(ref)) for ref in refs] == [bytes(image(value)) for value in range(3)]


def test_a_spilled_image_can_be_read_back(pool: SpillPool) -> None:
    refs = [pool.spill(image(value, 5000 + value)) for value in range(3)]

    assert [bytes(pool.read(ref)) for ref in refs] == [
        bytes(image(value, 5000 + value)) for value in range(3)
    ]


def test_what_is_read_back_is_a_copy(pool: SpillPool) -> None:
    ref = pool.spill(image(1))
    pixels = pool.read(ref)
    pool.take_back(ref)

    pool.spill(image(2))

    assert bytes(pixels) == bytes(image(1))


def test_pixels_of_any_format_are_their_bytes(pool: SpillPool) -> None:
    pixels = memoryview(bytes(range(24))).cast("H", (3, 4))

    ref = pool.spill(pixels)

    assert bytes(pool.read(ref)) == bytes(range(24))


def test_pixels_that_are_not_contiguous_take_no_room(pool: SpillPool) -> None:
    with pytest.raises(TypeError, match="contiguous"):
        pool.spill(image(1)[::2])

    assert pool._lent == {}


def test_nothing_is_made_before_the_first_image(pool: SpillPool, spill_folder: Path) -> None:
    before = list(spill_folder.iterdir())

    pool.spill(image(1))

    assert before == []
    assert len(list(spill_folder.iterdir())) == 1


def test_nothing_is_spilled_into_memory(pool: SpillPool, folder: Path) -> None:
    pool.spill(image(1))

    assert list(folder.iterdir()) == []


def test_the_block_that_came_back_last_is_written_first(pool: SpillPool) -> None:
    refs = [pool.spill(image(value)) for value in range(3)]
    for ref in refs:
        pool.take_back(ref)

    again = [pool.spill(image(value)) for value in range(3)]

    assert [ref.offset for ref in again] == [ref.offset for ref in reversed(refs)]


def test_a_block_that_came_back_is_refused(pool: SpillPool, reader: BlockReader) -> None:
    old = pool.spill(image(1))
    pool.take_back(old)
    pool.take_back(old)

    with pytest.raises(BlockUnavailableError):
        reader.open(old)
    with pytest.raises(BlockUnavailableError):
        pool.read(old)


def test_a_used_up_budget_is_said(pool: SpillPool) -> None:
    for value in range(23):
        pool.spill(image(value))

    with pytest.raises(PoolFullError):
        pool.spill(image(23))


def test_a_budget_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCS_SPILL_BUDGET", str(5 << 20))
    pool = SpillPool()

    assert pool.budget == 5 << 20
    with pytest.raises(PoolFullError):
        pool.spill(image(1, 6 << 20))
    pool.close()


def test_a_budget_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCS_SPILL_BUDGET", "plenty")

    with pytest.raises(ValueError, match="HCS_SPILL_BUDGET"):
        SpillPool()


def test_without_a_choice_the_budget_is_a_part_of_what_is_free() -> None:
    pool = SpillPool()

    assert 0 < pool.budget <= 16 << 30
    pool.close()


def test_a_folder_that_cannot_be_used_is_one_warning_that_says_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    pool = SpillPool(folder=tmp_path / "file", budget=1 << 30)

    for _ in range(3):
        with pytest.raises(PoolFullError):
            pool.spill(image(1))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "HCS_SPILL_DIR" in caplog.text
    pool.close()


def test_what_is_owed_of_a_spilled_image_is_written_down(pool: SpillPool, spill_folder: Path) -> None:
    ref = pool.spill(image(1))

    pool.record(ref, b"entry", 2)
    pool.number(ref, 0, 5)
    pool.settle(ref, 1)

    journal = open_table(spill_folder / ref.segment).journal
    found = journal.owed(journal.index_of(ref.offset))
    assert found is not None
    assert (found.entry, found.owed, found.numbers[:2]) == (b"entry", (0,), (5, 0))


def test_a_closed_pool_spills_nothing_and_takes_all(pool: SpillPool, spill_folder: Path) -> None:
    ref = pool.spill(image(1))
    pool.close()
    pool.close()

    pool.take_back(ref)

    assert list(spill_folder.iterdir()) == []
    with pytest.raises(PoolFullError):
        pool.spill(image(1))
    with pytest.raises(BlockUnavailableError):
        pool.read(ref)


def test_a_collected_pool_leaves_nothing(spill_folder: Path) -> None:
    pool = SpillPool(budget=24 << 20)
    pool.spill(image(1))

    del pool
    gc.collect()

    assert list(spill_folder.iterdir()) == []


def test_many_threads_never_share_a_block(pool: SpillPool) -> None:
    spoilt = []

    def work(number: int) -> None:
        for _ in range(40):
            ref = pool.spill(image(number, 70_000))
            if bytes(pool.read(ref)) != bytes(image(number, 70_000)):
                spoilt.append(number)
            pool.take_back(ref)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert spoilt == []


def test_a_pool_that_is_closed_amid_the_writing_closes_behind_it(pool: SpillPool, spill_folder: Path) -> None:
    stopped = threading.Event()

    def spill() -> None:
        try:
            while True:
                pool.take_back(pool.spill(image(1)))
        except PoolFullError:
            stopped.set()

    writing = threading.Thread(target=spill)
    writing.start()
    pool.take_back(pool.spill(image(2)))
    pool.close()

    assert stopped.wait(50)
    writing.join()
    assert list(spill_folder.iterdir()) == []


FULL = """
import logging, os, resource
from hcs_protocol import PoolFullError
from hcs_shm import SpillPool
logging.basicConfig(format="%(levelname)s %(message)s", stream=__import__("sys").stdout)
pool = SpillPool(budget=64 << 20)
pool.take_back(pool.spill(memoryview(bytes(2 << 20))))
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
for _ in range(2):
    try:
        pool.spill(memoryview(bytes(2 << 20)))
    except PoolFullError:
        print("full", pool._lent)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no resource limits there")
def test_a_disk_without_room_after_all_is_a_full_pool(run_python: Callable[..., str]) -> None:
    warning, first, second = run_python(FULL).splitlines()

    assert warning.startswith("WARNING spill folder full")
    assert first == second == "full {}"


FORKED = """
import os, sys, warnings
warnings.simplefilter("ignore")
from hcs_protocol import BlockUnavailableError, PoolFullError
from hcs_shm import SpillPool, list_segments
pool = SpillPool(budget=16 << 20)
ref = pool.spill(memoryview(b"parents" * 1000))
child = os.fork()
if child == 0:
    for act in (lambda: pool.spill(memoryview(b"child")), lambda: pool.read(ref)):
        try:
            act()
        except (PoolFullError, BlockUnavailableError):
            pass
        else:
            os._exit(1)
    pool.take_back(ref)
    pool.close()
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print([(found.kind, found.lent, found.owner_alive) for found in list_segments()])
print(bytes(pool.read(ref)) == b"parents" * 1000)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork there")
def test_in_a_forked_child_the_pool_is_empty_and_the_parents_stays(run_python: Callable[..., str]) -> None:
    assert run_python(FORKED).splitlines() == ["7", "[('disk', 1, True)]", "True"]


def test_the_interpreters_exit_removes_the_files(run_python: Callable[..., str], spill_folder: Path) -> None:
    run_python("from hcs_shm import SpillPool\npool = SpillPool()\npool.spill(memoryview(bytes(9)))")

    assert list(spill_folder.iterdir()) == []
