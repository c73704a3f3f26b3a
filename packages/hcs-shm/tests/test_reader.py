import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hcs_protocol import BlockRef, BlockUnavailableError, SegmentOffer
from hcs_shm import BlockPool, BlockReader


@pytest.fixture
def pool() -> Iterator[BlockPool]:
    with_a_budget = BlockPool(budget=16 << 20)
    yield with_a_budget
    with_a_budget.close()


@pytest.fixture
def reader() -> Iterator[BlockReader]:
    here = BlockReader()
    yield here
    here.close()


@pytest.mark.parametrize(
    "difference",
    [
        {"offset": 8},
        {"offset": -(1 << 16)},
        {"offset": 1 << 16},
        {"nbytes": -1},
        {"nbytes": 1},
        {"nbytes": 1 << 16},
        {"generation": 1},
        {"generation": -1},
    ],
    ids=str,
)
def test_a_reference_that_is_not_exactly_one_lending_is_refused(
    difference: dict[str, int], pool: BlockPool, reader: BlockReader
) -> None:
    ref = pool.lend(5000).ref
    fields = ("offset", "nbytes", "generation")
    wanted = {name: getattr(ref, name) + difference.get(name, 0) for name in fields}

    assert reader.open(ref).nbytes == 5000
    with pytest.raises(BlockUnavailableError, match=r"no block begins|there is"):
        reader.open(BlockRef(segment=ref.segment, **wanted))


def test_a_block_that_was_taken_back_is_refused(pool: BlockPool, reader: BlockReader) -> None:
    ref = pool.lend(8).ref
    pool.take_back(ref)

    with pytest.raises(BlockUnavailableError, match="there is"):
        reader.open(ref)


def test_a_mapped_segment_is_refused_once_its_owner_closed_it(pool: BlockPool, reader: BlockReader) -> None:
    ref = pool.lend(8).ref
    reader.open(ref)

    pool.close()

    with pytest.raises(BlockUnavailableError, match="closed"):
        reader.open(ref)
    with pytest.raises(BlockUnavailableError, match="closed"):
        reader.read_nonce(pool.offer)


def test_a_view_outlives_the_forgotten_segment(pool: BlockPool, reader: BlockReader) -> None:
    block = pool.lend(8)
    block.pixels[:] = b"remember"
    view = reader.open(block.ref)

    reader.forget([block.ref.segment])
    pool.close()
    reader.close()

    assert bytes(view) == b"remember"


@pytest.mark.skipif(sys.platform != "linux", reason="wants /proc")
def test_pages_that_were_read_count_as_memory_until_they_are_dropped(
    pool: BlockPool, reader: BlockReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCS_SHM_HUGE_PAGES", "0")  # to exchange pages unmaps them for a moment

    def mapped() -> int:
        smaps = Path("/proc/self/smaps").read_text().split(block.ref.segment)
        return min(int(entry.split("Rss:")[1].split()[0]) for entry in smaps[1:])

    block = pool.lend(4 << 20)
    block.pixels[:] = b"x" * (4 << 20)
    view = reader.open(block.ref)
    assert bytes(view) == bytes(block.pixels)
    while mapped() < 4 << 10:  # the kernel may have taken one back
        bytes(view)

    reader.drop_pages()

    assert mapped() < 1 << 10
    assert bytes(view) == bytes(block.pixels)


def test_a_forgotten_segment_can_be_opened_again(pool: BlockPool, reader: BlockReader) -> None:
    ref = pool.lend(8).ref
    reader.open(ref)

    reader.forget([ref.segment])

    assert reader.open(ref).nbytes == 8


def test_one_thread_forgets_while_another_opens(pool: BlockPool, reader: BlockReader) -> None:
    block = pool.lend(8)
    block.pixels[:] = b"remember"
    ended = threading.Event()

    def forget() -> None:
        while not ended.is_set():
            reader.forget([block.ref.segment])

    thread = threading.Thread(target=forget)
    thread.start()
    try:
        assert {bytes(reader.open(block.ref)) for _ in range(3000)} == {b"remember"}
    finally:
        ended.set()
        thread.join()


def test_segments_that_were_removed_are_let_go_when_another_is_opened(
    pool: BlockPool, reader: BlockReader
) -> None:
    small = pool.lend(1 << 20).ref
    reader.open(small)
    pool.take_back(small)
    large = pool.lend(14 << 20).ref

    reader.open(large)

    assert set(reader._mapped) == {large.segment}


def test_a_closed_reader_opens_nothing(pool: BlockPool, reader: BlockReader) -> None:
    ref = pool.lend(8).ref

    reader.close()

    with pytest.raises(BlockUnavailableError, match="the reader is closed"):
        reader.open(ref)


@pytest.mark.parametrize(
    "name", ["../hcs-1-x", "hcs-1/../x", "hcs-", "", "hcs-1-x.new", "hcs-1-x\n", "passwd"]
)
def test_what_is_no_name_of_a_segment_is_refused(name: str, reader: BlockReader) -> None:
    with pytest.raises(BlockUnavailableError, match="no name"):
        reader.read_nonce(SegmentOffer(name=name, folder="/dev/shm"))


def test_no_folder_is_looked_at_because_a_worker_names_it(folder: Path, reader: BlockReader) -> None:
    pool = BlockPool(folder=folder / "elsewhere")

    with pytest.raises(BlockUnavailableError, match=f"not in {folder}"):
        reader.read_nonce(pool.offer)
    pool.close()


def test_all_folders_are_looked_through(folder: Path) -> None:
    pool = BlockPool(folder=folder / "second")
    reader = BlockReader([folder / "first", folder / "second"])

    assert reader.read_nonce(pool.offer) == pool.nonce
    reader.close()
    pool.close()


def test_a_file_that_is_no_segment_is_refused(folder: Path, reader: BlockReader) -> None:
    forged = folder / "hcs-1-forged"
    forged.write_bytes(b"hcs-shm\0" + bytes(20_000))
    forged.chmod(0o600)

    with pytest.raises(BlockUnavailableError, match="segment format 0"):
        reader.read_nonce(SegmentOffer(name=forged.name, folder=str(folder)))
    forged.unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="files have no mode there")
def test_a_segment_that_is_open_to_others_is_refused(
    pool: BlockPool, folder: Path, reader: BlockReader
) -> None:
    (folder / pool.offer.name).chmod(0o644)

    with pytest.raises(BlockUnavailableError, match="mode 0600"):
        reader.read_nonce(pool.offer)


LENDER = """
import json, sys
from hcs_shm import BlockPool
pool = BlockPool()
block = pool.lend(8192)
block.pixels[:] = (4711).to_bytes(2, "little") * 4096
ref = block.ref
told = dict(segment=ref.segment, offset=ref.offset, nbytes=ref.nbytes, generation=ref.generation)
print(json.dumps([told, pool.offer.name, pool.offer.folder, pool.nonce]), flush=True)
sys.stdin.readline()
pool.close()
print("closed", flush=True)
sys.stdin.readline()
"""


def test_one_process_lends_and_another_reads(reader: BlockReader) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LENDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
    ) as lender:
        assert lender.stdout is not None
        told, name, in_folder, nonce = json.loads(lender.stdout.readline())
        ref = BlockRef(**told)

        assert reader.read_nonce(SegmentOffer(name=name, folder=in_folder)) == nonce
        assert bytes(reader.open(ref)) == (4711).to_bytes(2, "little") * 4096

        assert lender.stdin is not None
        lender.stdin.write("\n")
        lender.stdin.flush()
        assert lender.stdout.readline() == "closed\n"
        with pytest.raises(BlockUnavailableError):
            reader.open(ref)
        lender.stdin.write("\n")
