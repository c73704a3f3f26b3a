"""Where a device has the pixels of an array, and how those leave it that lie in no rows."""

import ctypes
import sys
import weakref
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import cast

import numpy as np
import pytest
from fake_cuda import OWN, FakeCuda, OnDevice, address_of, in_block, plane, start
from hypothesis import given
from hypothesis import strategies as st

from hcs_protocol import DeviceError, UnsupportedArrayError
from hcs_shm import ArrayWriter, BlockPool, _device_arrays, to_numpy
from hcs_shm._device_memory import rows_of


@pytest.fixture
def pool() -> Iterator[BlockPool]:
    pool = BlockPool()
    yield pool
    pool.close()


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


@pytest.mark.parametrize("streams", [(OWN, 1), (1, OWN)])
def test_the_stream_of_an_array_is_that_of_its_device(
    streams: tuple[int, int], cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    class LikeCuPys(OnDevice):
        @property
        def __cuda_array_interface__(self) -> dict[str, object]:
            return {**super().__cuda_array_interface__, "stream": streams[cuda.device]}

    pixels, block = plane(0), pool.lend(plane().nbytes)
    cuda.devices[address_of(pixels)] = 1
    cuda.launch(streams[0], lambda: False)  # which the current device, another, never ends
    with cuda.on(1):
        cuda.launch(streams[1], lambda: np.copyto(pixels, plane()))

    start(writer, LikeCuPys(pixels), block).wait()

    assert (in_block(block) == plane().ravel()).all()


class Cupys(OnDevice):
    """As CuPy's own: what is asked of it by name takes less than what it says of itself."""

    def __init__(self, array: np.ndarray, device: int = 0) -> None:
        super().__init__(array, typestr=array.dtype.str)
        self.shape, self.dtype, self.nbytes = array.shape, array.dtype, array.nbytes
        self.data = SimpleNamespace(ptr=address_of(array), device_id=device)
        self.flags = array.flags
        self.asked = 0

    @property
    def __cuda_array_interface__(self) -> dict[str, object]:
        self.asked += 1
        return super().__cuda_array_interface__


@pytest.fixture
def stream_of_cupy(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    stream = SimpleNamespace(ptr=OWN)
    cupy = SimpleNamespace(ndarray=Cupys, cuda=SimpleNamespace(get_current_stream=lambda: stream))
    monkeypatch.setitem(sys.modules, "cupy", cast("ModuleType", cupy))
    monkeypatch.setattr(_device_arrays, "_default_streams", [])
    return stream


def test_an_array_of_cupy_is_copied_after_its_current_stream_without_being_described(
    stream_of_cupy: SimpleNamespace, cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    pixels, block = plane(0), pool.lend(plane().nbytes)
    array = Cupys(pixels)
    cuda.launch(OWN, lambda: np.copyto(pixels, plane(3)))

    assert writer.layout(array) == ((64, 48), "uint16")
    start(writer, array, block).wait()

    assert (in_block(block) == plane(3).ravel()).all()
    assert array.asked == 0


def test_which_default_stream_is_cupys_is_asked_once(
    stream_of_cupy: SimpleNamespace, cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    stream_of_cupy.ptr = 0  # whichever it is
    arrays = [Cupys(plane(value)) for value in range(3)]
    for array in arrays:
        start(writer, array, pool.lend(plane().nbytes)).wait()

    assert [array.asked for array in arrays] == [1, 0, 0]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("device", [0, 1])
def test_an_array_of_cupy_says_where_it_is_if_it_is_elsewhere_or_has_gaps(
    layout: str,
    device: int,
    stream_of_cupy: SimpleNamespace,
    cuda: FakeCuda,
    writer: ArrayWriter,
    pool: BlockPool,
) -> None:
    pixels = LAYOUTS[layout](plane(0, (5, 40, 50)))
    cuda.devices[address_of(pixels)] = device
    block, array = pool.lend(pixels.nbytes), Cupys(pixels, device)

    start(writer, array, block).wait()

    assert (in_block(block) == pixels.ravel()).all()
    assert bool(array.asked) == (device == 1 or not pixels.flags.c_contiguous)


@pytest.mark.parametrize("said", [{"shape": 7}, {"typestr": "nonsense"}, {"shape": ("a", "b")}])
def test_an_array_that_says_nonsense_of_itself_is_refused(
    said: dict[str, object], writer: ArrayWriter
) -> None:
    with pytest.raises(UnsupportedArrayError, match=r"OnDevice says of itself .*"):
        writer.layout(OnDevice(plane(), **said))


class Dalis(OnDevice):
    """As DALI's: what is called its shape is a function."""

    dtype = "FLOAT"

    def shape(self) -> tuple[int, ...]:
        return self.array.shape


class Shapeless(OnDevice):
    @property
    def shape(self) -> tuple[int, ...]:
        raise RuntimeError("only its interface has one")


@pytest.mark.parametrize("kind", [Dalis, Shapeless])
def test_an_array_is_what_its_interface_says_whatever_else_it_says(
    kind: type[OnDevice], writer: ArrayWriter
) -> None:
    array = kind(plane())
    gone = weakref.ref(array)

    assert [writer.layout(array) for _ in range(2)] == [((64, 48), "uint16")] * 2
    array.array = plane(0, (3, 4))
    assert writer.layout(array) == ((3, 4), "uint16")
    del array
    assert gone() is None


def test_masked_pixels_of_a_device_are_refused(writer: ArrayWriter) -> None:
    with pytest.raises(UnsupportedArrayError, match="masked pixels have no value"):
        writer.layout(OnDevice(plane(), mask=OnDevice(plane())))


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
