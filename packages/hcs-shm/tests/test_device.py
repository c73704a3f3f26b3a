"""From a device into a block, on a device that is none."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from fake_cuda import FakeCuda, OnDevice, address_of

from hcs_protocol import DeviceError, LentBlock, PixelWriter, UnsupportedArrayError
from hcs_protocol.testing import PixelWriterTests
from hcs_shm import ArrayWriter, BlockPool
from hcs_shm._device import DeviceCopies, DeviceCopy
from hcs_shm._device_memory import rows_of
from hcs_shm._ring import PIECE_NBYTES

OWN, OTHER = 50, 51
"""Streams of a pipeline."""


@pytest.fixture
def cuda() -> FakeCuda:
    return FakeCuda()


@pytest.fixture
def writer(cuda: FakeCuda) -> ArrayWriter:
    return of(cuda)


@pytest.fixture
def pool() -> Iterator[BlockPool]:
    pool = BlockPool()
    yield pool
    pool.close()


class TestOnDevice(PixelWriterTests):
    def writer(self) -> PixelWriter:
        return of(FakeCuda())

    def array(self) -> object:
        return OnDevice(np.arange(12, dtype=np.uint16).reshape(3, 4))


def of(cuda: FakeCuda, *, pinned: bool | None = None) -> ArrayWriter:
    copies = DeviceCopies(cuda, pinned=pinned)
    return ArrayWriter(lambda: copies)


def plane(value: int = 7, shape: tuple[int, ...] = (64, 48)) -> np.ndarray:
    return (np.arange(np.prod(shape)).reshape(shape) + value).astype(np.uint16)


def start(writer: ArrayWriter, array: OnDevice, block: LentBlock) -> DeviceCopy:
    copy = writer.start(array, block.pixels)
    assert copy is not None
    return copy


def in_block(block: LentBlock) -> np.ndarray:
    return np.frombuffer(block.pixels, np.uint16)


def test_a_copy_is_begun_and_arrives_when_it_is_waited_for(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    block, pixels = pool.lend(plane().nbytes), plane()
    block.pixels[:2] = b"xx"

    copy = start(writer, OnDevice(pixels), block)
    assert bytes(block.pixels[:2]) == b"xx"

    copy.wait()
    assert (in_block(block) == pixels.ravel()).all()


def test_what_overwrites_the_array_afterwards_does_not_reach_the_image(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    pixels, block = plane(), pool.lend(plane().nbytes)

    copy = start(writer, OnDevice(pixels, OWN), block)
    cuda.launch(OWN, lambda: pixels.fill(0))
    cuda.run()
    copy.wait()

    assert (pixels == 0).all()
    assert (in_block(block) == plane().ravel()).all()


def test_what_computes_the_array_comes_before_its_copy(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    pixels, block = plane(), pool.lend(plane().nbytes)
    cuda.launch(OWN, lambda: pixels.fill(5))

    start(writer, OnDevice(pixels, OWN), block).wait()

    assert (in_block(block) == 5).all()


def test_a_copy_waits_for_no_other_stream(cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool) -> None:
    block = pool.lend(plane().nbytes)
    cuda.launch(OTHER, lambda: False)  # something that never ends

    start(writer, OnDevice(plane(), OWN), block).wait()

    assert (in_block(block) == plane().ravel()).all()


def test_an_array_whose_stream_is_not_known_is_waited_for(writer: ArrayWriter, pool: BlockPool) -> None:
    block = pool.lend(plane().nbytes)

    assert writer.start(OnDevice(plane(), None), block.pixels) is None
    assert (in_block(block) == plane().ravel()).all()


def test_the_stream_0_is_refused(writer: ArrayWriter) -> None:
    with pytest.raises(UnsupportedArrayError, match="a stream that is not 0"):
        writer.layout(OnDevice(plane(), 0))


def test_an_array_lives_until_it_is_copied(writer: ArrayWriter, pool: BlockPool) -> None:
    import weakref

    block, array = pool.lend(plane().nbytes), OnDevice(plane())
    gone = weakref.ref(array)
    copy = start(writer, array, block)
    del array
    assert gone() is not None

    copy.wait()
    assert gone() is None


def test_a_segment_is_registered_once_and_until_it_goes(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    for _ in range(9):
        block = pool.lend(plane().nbytes)
        start(writer, OnDevice(plane()), block).wait()
        assert cuda.calls.count("register") == len(cuda.registered) <= 2
    pool.close()

    assert cuda.registered == {}
    assert cuda.calls[-2:] == ["synchronize", "unregister"]  # nothing is written there any more


def test_a_segment_that_goes_amid_a_copy_goes_after_it(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    copy = start(writer, OnDevice(plane()), pool.lend(plane().nbytes))
    pool.close()

    copy.wait()
    assert cuda.registered == {}


def test_a_lost_device_does_not_keep_a_pool_from_closing(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    start(writer, OnDevice(plane()), pool.lend(plane().nbytes)).wait()
    cuda.failing |= {"synchronize", "unregister"}

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


LAYOUTS = {
    "whole": lambda a: a,
    "a window of all rows": lambda a: a[:, :, 5:30],
    "a window of a plane": lambda a: a[1, 3:20, 5:30],
    "every other plane": lambda a: a[::2],
    "every other row": lambda a: a[:, ::2],
    "a column": lambda a: a[1, :, 4:5],
    "a row": lambda a: a[1, 4],
    "a window of one row": lambda a: a[:, 4:5, 3:9],
}
NO_ROWS = {
    "every other pixel": lambda a: a[..., ::2],
    "transposed": lambda a: a.T,
    "flipped": lambda a: a[:, ::-1],
    "broadcast": lambda a: np.broadcast_to(a[0, :1], (40, a.shape[2])),
    "a window of some rows": lambda a: a[:, 3:20, 5:30],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_that_begin_equally_far_apart_are_copied_as_they_lie(
    layout: str, writer: ArrayWriter, pool: BlockPool
) -> None:
    pixels = LAYOUTS[layout](plane(0, (5, 40, 50)))
    block = pool.lend(pixels.nbytes)

    start(writer, OnDevice(pixels), block).wait()

    assert (in_block(block) == pixels.ravel()).all()


@pytest.mark.parametrize("layout", NO_ROWS)
def test_what_lies_in_no_rows_has_to_be_packed(layout: str) -> None:
    pixels = NO_ROWS[layout](plane(0, (5, 40, 50)))

    assert rows_of(pixels.shape, pixels.strides, pixels.itemsize) is None


def test_each_device_has_a_stream_of_its_own(cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool) -> None:
    here, there = plane(1), plane(2)
    cuda.devices[address_of(there)] = 1
    blocks = [pool.lend(plane().nbytes) for _ in range(2)]

    copies = [start(writer, OnDevice(here), blocks[0]), start(writer, OnDevice(there), blocks[1])]
    for copy in reversed(copies):
        copy.wait()

    assert cuda.device == 0
    assert [in_block(block)[0] for block in blocks] == [1, 2]
    assert cuda.calls.count("new_stream") == 2


@pytest.mark.parametrize("call", ["copy", "record", "let_wait"])
def test_a_copy_that_cannot_begin_is_an_error_of_that_image(
    call: str, cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    block = pool.lend(plane().nbytes)
    cuda.failing.add(call)
    with pytest.raises(DeviceError, match=f"{call}: the device is lost"):
        writer.start(OnDevice(plane()), block.pixels)

    cuda.failing.clear()
    start(writer, OnDevice(plane(9)), block).wait()
    assert (in_block(block) == plane(9).ravel()).all()


def test_a_copy_that_fails_says_so_whenever_it_is_asked(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    copy = start(writer, OnDevice(plane()), pool.lend(plane().nbytes))
    cuda.failing.add("wait")

    for _ in range(2):
        with pytest.raises(DeviceError, match="the device is lost"):
            copy.wait()


def test_events_are_used_again(cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool) -> None:
    for _ in range(50):
        start(writer, OnDevice(plane()), pool.lend(plane().nbytes)).wait()

    assert cuda.calls.count("new_event") == 2


def test_several_threads_copy_at_once(cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool) -> None:
    blocks = [pool.lend(plane().nbytes) for _ in range(40)]

    def copy(value: int) -> None:
        start(writer, OnDevice(plane(value), OWN + value), blocks[value]).wait()

    threads = [threading.Thread(target=copy, args=[value]) for value in range(len(blocks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [in_block(block)[0] for block in blocks] == list(range(40))


def test_who_was_interrupted_can_wait_for_all_that_was_begun(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    block, array = pool.lend(plane().nbytes), OnDevice(plane())
    start(writer, array, block)

    writer.finish()

    assert (in_block(block) == plane().ravel()).all()
