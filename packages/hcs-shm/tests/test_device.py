"""From a device into a block, on a device that is none."""

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from functools import partial
from types import ModuleType

import numpy as np
import pytest
from fake_cuda import FakeCuda, OnDevice, address_of
from hypothesis import given
from hypothesis import strategies as st

from hcs_protocol import DeviceError, LentBlock, PixelWriter, UnsupportedArrayError
from hcs_protocol.testing import PixelWriterTests
from hcs_shm import ArrayWriter, BlockPool, _device, to_numpy
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


def test_what_the_default_stream_computes_comes_before_an_array_that_names_no_stream(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    pixels = plane()
    writer.start(OnDevice(plane(), OWN), pool.lend(pixels.nbytes).pixels)  # whose stream then is first
    for block in (pool.lend(pixels.nbytes).pixels, memoryview(bytearray(pixels.nbytes))):
        cuda.launch(1, lambda: pixels.__iadd__(1) is not None)  # as Numba computes, and names no stream

        assert writer.start(OnDevice(pixels, None), block) is None
        assert bytes(block) == pixels.tobytes()

    assert (pixels == plane(9)).all()


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
    assert cuda.calls[-2:] == ["has_happened", "unregister"]  # nothing is written there any more


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


LAYOUTS = {
    "whole": lambda a: a,
    "a window of all rows": lambda a: a[:, :, 5:30],
    "a window of a plane": lambda a: a[1, 3:20, 5:30],
    "every other plane": lambda a: a[::2],
    "every other row": lambda a: a[:, ::2],
    "a row": lambda a: a[1, 4],
    "a window of one row": lambda a: a[:, 4:5, 3:19],
}
NO_ROWS = {
    "every other pixel": lambda a: a[..., ::2],
    "transposed": lambda a: a.T,
    "flipped": lambda a: a[:, ::-1],
    "broadcast": lambda a: np.broadcast_to(a[0, :1], (40, a.shape[2])),
    "a window of some rows": lambda a: a[:, 3:20, 5:30],
    "a column": lambda a: a[1, :, 4:5],
    "three of four colours": lambda a: a.reshape(-1, 50, 4)[..., :3],
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

    assert cuda.calls.count("new_event") == 3


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


def test_memory_of_the_host_that_says_it_is_a_devices_is_read_there(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    class Mapped(OnDevice):
        def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
            return self.array

    pixels, block = plane(), pool.lend(plane().nbytes)
    cuda.devices[address_of(pixels)] = None

    assert writer.start(Mapped(pixels), block.pixels) is None
    assert (in_block(block) == plane().ravel()).all()


def test_the_stream_of_an_array_is_that_of_its_device(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    class LikeCuPys(OnDevice):
        @property
        def __cuda_array_interface__(self) -> dict[str, object]:
            return {**super().__cuda_array_interface__, "stream": 1 if cuda.device else OWN}

    pixels, block = plane(), pool.lend(plane().nbytes)
    cuda.devices[address_of(pixels)] = 1
    cuda.launch(OWN, lambda: False)  # which the current device, another, never ends

    start(writer, LikeCuPys(pixels), block).wait()

    assert (in_block(block) == plane().ravel()).all()


def test_masked_pixels_of_a_device_are_refused(writer: ArrayWriter) -> None:
    with pytest.raises(UnsupportedArrayError, match="masked pixels have no value"):
        writer.layout(OnDevice(plane(), mask=OnDevice(plane())))


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


def test_threads_that_send_first_share_what_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Barrier(2, timeout=20)

    def runtime() -> FakeCuda:
        asked.wait()
        return FakeCuda()

    monkeypatch.setattr(_device, "cuda_runtime", runtime)
    monkeypatch.setattr(_device, "_process", {})
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(_device.process_copies())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found[0] is found[1] is _device.process_copies()


def test_why_no_device_copies_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def runtime() -> FakeCuda:
        raise DeviceError("the bindings of CUDA find no device (the driver is too old)")

    monkeypatch.setattr(_device, "cuda_runtime", runtime)
    monkeypatch.setattr(_device, "_process", {})

    assert [_device.process_copies() for _ in range(3)] == [None] * 3
    assert ["the driver is too old" in record.message for record in caplog.records] == [True]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_forked_child_asks_its_parents_devices_nothing(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    copy = start(writer, OnDevice(plane()), pool.lend(plane().nbytes))
    if (child := os.fork()) == 0:
        cuda.calls.clear()
        writer.finish()
        os._exit(len(cuda.calls))

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    copy.wait()


class FakeCupy(ModuleType):
    """Packs and fetches as CuPy does, in the order of the default stream."""

    def __init__(self, cuda: FakeCuda) -> None:
        super().__init__("cupy")
        self._cuda = cuda

    def asarray(self, array: OnDevice) -> OnDevice:
        return array

    def ascontiguousarray(self, array: OnDevice) -> "OfCupy":
        packed = np.zeros(array.array.shape, array.array.dtype)
        self._cuda.launch(1, lambda: np.copyto(packed, array.array))
        self._cuda.devices[address_of(packed)] = self._cuda.device
        return OfCupy(packed, self._cuda)

    def asnumpy(self, array: OnDevice) -> np.ndarray:
        self._cuda.run()
        return array.array.copy()


class OfCupy(OnDevice):
    def __init__(self, array: np.ndarray, cuda: FakeCuda) -> None:
        super().__init__(array, typestr=array.dtype.str)
        self.dtype, self._cuda = array.dtype, cuda

    def astype(self, dtype: type) -> "OfCupy":
        converted = np.zeros(self.array.shape, dtype)
        self._cuda.launch(1, lambda: np.copyto(converted, self.array.astype(dtype)))
        return OfCupy(converted, self._cuda)


@pytest.fixture
def cupy(cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> FakeCupy:
    cupy = FakeCupy(cuda)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    return cupy


@pytest.mark.parametrize("device", [0, 1])
@pytest.mark.parametrize("layout", NO_ROWS)
def test_what_lies_in_no_rows_is_packed_on_its_device(
    layout: str, device: int, cuda: FakeCuda, cupy: FakeCupy, writer: ArrayWriter, pool: BlockPool
) -> None:
    pixels = NO_ROWS[layout](plane(0, (5, 40, 50)))
    cuda.devices[address_of(pixels)] = device
    block = pool.lend(pixels.nbytes)

    start(writer, OnDevice(pixels), block).wait()

    assert (in_block(block) == pixels.ravel()).all()
    assert cuda.device == 0


def test_bfloat16_of_cupy_becomes_float32_on_its_device(
    cuda: FakeCuda, cupy: FakeCupy, writer: ArrayWriter, pool: BlockPool
) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    pixels = np.linspace(-9, 9, 60).reshape(6, 10).astype(ml_dtypes.bfloat16)
    block = pool.lend(240)

    for seen in (OfCupy(pixels, cuda), OfCupy(pixels.T, cuda)):
        assert writer.layout(seen) == (seen.array.shape, "float32")
        start(writer, seen, block).wait()
        assert bytes(block.pixels) == seen.array.astype("<f4").tobytes()

    assert (to_numpy(OfCupy(pixels, cuda)) == pixels.astype("f4")).all()


@pytest.mark.parametrize(
    ("raised", "expected"),
    [(ValueError, UnsupportedArrayError), (RuntimeError, DeviceError), (MemoryError, DeviceError)],
)
def test_what_a_library_says_of_an_array_that_it_does_not_fetch_is_ours(
    raised: type[Exception], expected: type[Exception], cupy: FakeCupy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asnumpy(array: OnDevice) -> np.ndarray:
        raise raised("it will not do")

    monkeypatch.setattr(cupy, "asnumpy", asnumpy)

    with pytest.raises(expected, match="it will not do"):
        to_numpy(OnDevice(plane()))


@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    data=st.data(),
    dtype=st.sampled_from(["u1", "<u2", "<f4", "<f8"]),
)
def test_rows_are_where_numpy_says_they_are(shape: list[int], data: st.DataObject, dtype: str) -> None:
    """What is not copied as it lies is None; what is, is equal."""
    whole = np.arange(np.prod([4 * side + 20 for side in shape]), dtype="u8").astype(dtype)
    array = whole.reshape([4 * side + 20 for side in shape])
    array = array.transpose(data.draw(st.permutations(range(len(shape)))))
    for axis, length in enumerate(array.shape):
        begin = data.draw(st.integers(0, length - 1))
        end, step = data.draw(st.integers(begin + 1, length)), data.draw(st.sampled_from([1, 1, 2, -1, 3]))
        before = (slice(None),) * axis
        array = array[(*before, slice(begin, end))][(*before, slice(None, None, step))]
    rows = rows_of(array.shape, array.strides, array.itemsize)
    if rows is None:
        return
    width, pitch = rows
    address = array.__array_interface__["data"][0]
    if not width:
        assert ctypes.string_at(address, array.nbytes) == array.tobytes()
        return
    found = [ctypes.string_at(address + row * pitch, width) for row in range(array.nbytes // width)]
    assert b"".join(found) == array.tobytes()


def fill(array: np.ndarray, value: int) -> None:
    array.fill(value)


LANES = st.integers(0, 2)
DEEDS = st.one_of(
    st.tuples(st.just("fill"), LANES, st.integers(1, 1 << 15)),
    st.tuples(st.just("send"), LANES, st.just(0)),
    st.tuples(st.just("step"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("wait"), st.integers(0, 99), st.just(0)),
)


@given(st.lists(DEEDS, max_size=60))
def test_whatever_a_device_does_first_each_image_is_what_was_sent(
    pool: BlockPool, deeds: list[tuple[str, int, int]]
) -> None:
    """Three pipelines, two of them on one device, fill their arrays and send them."""
    cuda = FakeCuda()
    writer = of(cuda)
    arrays = [np.zeros((4, 16), np.uint16) for _ in range(3)]
    cuda.devices = {address_of(array): place // 2 for place, array in enumerate(arrays)}
    lanes, now = [OWN, OTHER, 1], [0, 0, 0]
    sent: list[tuple[DeviceCopy, LentBlock, int]] = []
    for deed, which, value in deeds:
        match deed:
            case "fill":
                now[which] = value
                with cuda.on(which // 2):
                    cuda.launch(lanes[which], partial(fill, arrays[which], value))
            case "send":
                block = pool.lend(arrays[which].nbytes)
                sent.append((start(writer, OnDevice(arrays[which], lanes[which]), block), block, now[which]))
            case "step":
                cuda.step(which)
            case "wait" if sent:
                sent[which % len(sent)][0].wait()

    for copy, block, value in sent:
        copy.wait()
        assert (in_block(block) == value).all()
        pool.take_back(block.ref)
