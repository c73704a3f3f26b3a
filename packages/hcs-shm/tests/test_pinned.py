"""Memory that a device that is none writes by itself: registered, given back, and what is done without."""

import ctypes
from collections.abc import Iterator

import pytest
from fake_cuda import OWN, FakeCuda, OnDevice, address_of, in_block, of, plane, start

from hcs_shm import ArrayWriter, BlockPool
from hcs_shm._ring import PIECE_NBYTES


@pytest.fixture
def pool() -> Iterator[BlockPool]:
    pool = BlockPool()
    yield pool
    pool.close()


def test_a_segment_is_registered_once_and_until_it_goes(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    for _ in range(9):
        block = pool.lend(plane().nbytes)
        start(writer, OnDevice(plane()), block).wait()
        assert cuda.calls.count("register") == len(cuda.registered) <= 2
    pool.close()

    assert cuda.registered == {}


def test_a_segment_that_goes_amid_a_copy_goes_after_it(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    copy = start(writer, OnDevice(plane()), pool.lend(plane().nbytes))
    pool.close()

    assert cuda.calls[-2:] == ["has_happened", "unregister"]  # nothing is written there any more
    copy.wait()
    assert cuda.registered == {}


def test_a_segment_that_goes_to_make_room_waits_for_no_device(
    cuda: FakeCuda, writer: ArrayWriter, caplog: pytest.LogCaptureFixture
) -> None:
    pool = BlockPool(budget=40 << 20)
    idle, busy = pool.lend(2 << 20), pool.lend(1 << 20)
    start(writer, OnDevice(plane(1, (1024, 1024))), idle).wait()
    pool.take_back(idle.ref)
    copy = start(writer, OnDevice(plane(1, (512, 1024))), busy)
    cuda.is_hung = True  # it computes for long before it goes on
    before = len(cuda.registered)

    pool.lend(24 << 20)

    assert len(cuda.registered) == before - 1
    assert not caplog.records
    cuda.is_hung = False
    copy.wait()
    pool.close()


def test_a_lost_device_does_not_keep_a_pool_from_closing(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    start(writer, OnDevice(plane()), pool.lend(plane().nbytes)).wait()
    cuda.failing |= {"record", "unregister"}

    pool.close()


@pytest.mark.parametrize("nbytes", [2, PIECE_NBYTES, 3 * PIECE_NBYTES + 14])
def test_what_cannot_be_registered_goes_by_pieces_after_one_warning(
    nbytes: int, cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool, caplog: pytest.LogCaptureFixture
) -> None:
    cuda.failing.add("register")
    pixels = plane(3, (1, nbytes // 2))
    block = pool.lend(nbytes)

    for _ in range(3):
        cuda.launch(OWN, lambda: pixels.__iadd__(1) is not None)
        assert writer.start(OnDevice(pixels, OWN), block.pixels) is None

    assert (in_block(block) == plane(6, (1, nbytes // 2))).all()
    assert [record.message.partition(" nbytes")[0] for record in caplog.records] == ["memory not pinned"]


def test_where_no_memory_can_be_pinned_pixels_arrive_all_the_same(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    cuda.failing |= {"register", "allocate"}
    block = pool.lend(plane().nbytes)

    assert writer.start(OnDevice(plane(), OWN), block.pixels) is None
    assert (in_block(block) == plane().ravel()).all()


def test_memory_that_is_no_segment_is_not_registered(cuda: FakeCuda, writer: ArrayWriter) -> None:
    pixels = bytearray(plane().nbytes)

    assert writer.start(OnDevice(plane()), memoryview(pixels)) is None
    assert (cuda.registered, pixels) == ({}, plane().tobytes())


def test_nothing_is_registered_if_nobody_wants_it(
    cuda: FakeCuda, pool: BlockPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCS_GPU_PINNED", "0")
    block = pool.lend(plane().nbytes)

    assert of(cuda).start(OnDevice(plane()), block.pixels) is None
    assert of(cuda, pinned=False).start(OnDevice(plane()), block.pixels) is None
    assert cuda.registered == {}
    assert of(cuda, pinned=True).start(OnDevice(plane()), block.pixels) is not None


def test_a_device_that_never_ends_does_not_keep_a_pool_from_closing(
    cuda: FakeCuda,
    writer: ArrayWriter,
    pool: BlockPool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("hcs_shm._pinned.ENDING_SECONDS", 0.02)
    block = pool.lend(plane().nbytes)
    copy = start(writer, OnDevice(plane()), block)
    address = address_of(in_block(block))
    del block
    cuda.is_hung = True

    pool.close()
    assert list(cuda.registered)
    assert [record.message.partition(" nbytes")[0] for record in caplog.records] == [
        "memory left to a device that still writes"
    ]

    copy.wait()  # it ends after all, and writes into memory that nobody else has
    assert ctypes.string_at(address, plane().nbytes) == plane().tobytes()
