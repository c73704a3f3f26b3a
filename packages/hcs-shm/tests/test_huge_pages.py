"""Segments in huge pages: the same bytes, at addresses that fit, and no harm where there are none."""

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hcs_shm import BlockPool, BlockReader
from hcs_shm._huge_pages import HUGE_NBYTES, SWITCH, map_aligned, use_huge_pages

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone exchanges pages when asked to")

NBYTES = 3 * HUGE_NBYTES + 4096


@pytest.fixture
def file(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder / "memory", os.O_RDWR | os.O_CREAT, 0o600)
    os.truncate(descriptor, NBYTES)
    yield descriptor
    os.close(descriptor)


def address(memory: memoryview) -> int:
    found: int = np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
    return found


def mapped(file: int, nbytes: int = NBYTES, *, writable: bool = True) -> memoryview:
    return map_aligned(file, nbytes, writable=writable)[1]


def huge_nbytes(memory: memoryview) -> int:
    """What the kernel says of the mapping at this address."""
    begin = f"{address(memory):x}-"
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    next(line for line in lines if line.lstrip("0").startswith(begin))
    return 1024 * int(next(line for line in lines if line.startswith("ShmemPmdMapped")).split()[1])


@linux
def test_a_large_file_is_mapped_where_huge_pages_can_be(file: int) -> None:
    large = [mapped(file) for _ in range(50)]

    assert [address(memory) % HUGE_NBYTES for memory in large] == [0] * 50
    assert {memory.nbytes for memory in large} == {NBYTES}


def test_what_is_mapped_is_the_file(file: int) -> None:
    mapped(file)[-3:] = b"end"

    assert os.pread(file, 3, NBYTES - 3) == b"end"
    assert bytes(mapped(file, writable=False)[-3:]) == b"end"
    assert mapped(file, writable=False).readonly


def test_nothing_is_mapped_any_more_once_it_is_closed(file: int) -> None:
    before = Path("/proc/self/maps").read_text().count("/memory") if sys.platform == "linux" else 0
    memory, contents = map_aligned(file, NBYTES, writable=True)
    contents.release()
    memory.close()

    if sys.platform == "linux":
        assert Path("/proc/self/maps").read_text().count("/memory") == before


def test_a_small_file_is_mapped_as_ever(file: int) -> None:
    assert mapped(file, 4096, writable=False).nbytes == 4096


def test_what_is_in_memory_stays_when_its_pages_are_exchanged(file: int) -> None:
    memory, other = mapped(file), mapped(file, writable=False)
    pixels = np.frombuffer(memory, np.uint32)
    pixels[:] = np.arange(pixels.size)

    done = use_huge_pages(memory, lambda: False)

    assert done in {0, 3 * HUGE_NBYTES}
    assert np.array_equal(np.frombuffer(other, np.uint32), np.arange(pixels.size))


@linux
def test_memory_has_huge_pages_if_the_kernel_knows_how(file: int) -> None:
    memory = mapped(file)
    np.frombuffer(memory, np.uint8)[:] = 1

    done = use_huge_pages(memory, lambda: False)

    if not done:
        pytest.skip("this kernel, or the file system of this folder, has none for files")
    assert huge_nbytes(memory) == 3 * HUGE_NBYTES


def test_pages_stay_small_when_that_is_said(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "0")
    memory = mapped(file)

    assert use_huge_pages(memory, lambda: False) == 0


def test_who_is_in_a_hurry_leaves_the_rest(file: int) -> None:
    memory = mapped(file)

    assert use_huge_pages(memory, lambda: True) == 0


def test_a_block_can_be_written_and_read_while_its_pages_are_exchanged(folder: Path) -> None:
    pool, reader = BlockPool(folder=folder, budget=1 << 28), BlockReader([folder])
    expected = np.arange(1 << 20, dtype=np.uint32)
    for turn in range(20):
        block = pool.lend(expected.nbytes)
        np.frombuffer(block.pixels, np.uint32)[:] = expected + turn

        assert np.array_equal(np.frombuffer(reader.open(block.ref), np.uint32), expected + turn)
        pool.take_back(block.ref)
        del block
    reader.close()
    pool.close()


def test_a_pool_that_closes_waits_for_no_exchange_to_be_whole(folder: Path) -> None:
    pool = BlockPool(folder=folder, budget=1 << 28)
    pool.take_back(pool.lend(8 << 20).ref)

    pool.close()

    assert not [
        thread for thread in threading.enumerate() if thread.name == "hcs-shm-segment" and not _ends(thread)
    ]


def _ends(thread: threading.Thread) -> bool:
    thread.join(30.0)
    return not thread.is_alive()
