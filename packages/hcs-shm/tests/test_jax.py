"""Arrays of JAX, of the host where a test says so; two devices are the host's own, pretended by XLA."""

import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_cuda import FakeCuda

from hcs_protocol import PixelWriter, UnsupportedArrayError
from hcs_protocol.testing import PixelWriterTests
from hcs_shm import ArrayWriter, BlockPool, _jax, to_numpy
from hcs_shm._device import DeviceCopies
from hcs_shm._dlpack import pointer_in_c_order

pytestmark = pytest.mark.jax
jax: Any = pytest.importorskip("jax", reason="jax is not installed", exc_type=ImportError)

DTYPES = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32")


class TestArray(PixelWriterTests):
    def writer(self) -> PixelWriter:
        return ArrayWriter()

    def array(self) -> object:
        return jax.numpy.arange(12, dtype="uint16").reshape(3, 4)


def written(array: object) -> np.ndarray:
    shape, dtype = ArrayWriter().layout(array)
    pixels = np.zeros(shape, dtype)
    ArrayWriter().write(array, memoryview(pixels.ravel()).cast("B"))
    return pixels


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_is_written(dtype: str) -> None:
    plane = (np.arange(70 * 90).reshape(70, 90) % 113).astype(dtype)

    assert ArrayWriter().layout(jax.numpy.asarray(plane)) == ((70, 90), dtype)
    assert (written(jax.numpy.asarray(plane)) == plane).all()
    assert (written(jax.numpy.asarray(plane).T[::2]) == plane.T[::2]).all()


def test_bfloat16_becomes_float32_with_the_same_values() -> None:
    values = [float("nan"), float("inf"), -float("inf"), -0.0, 1e-40, 3.4e38, 1.005]
    array = jax.numpy.asarray([values], "bfloat16")

    assert ArrayWriter().layout(array) == ((1, 7), "float32")
    assert written(array).tobytes() == np.asarray(array).astype("float32").tobytes()
    assert ArrayWriter().layout(np.asarray(array)) == ((1, 7), "float32")
    assert written(np.asarray(array).T).tobytes() == np.asarray(array).astype("float32").tobytes()


def test_an_array_is_kept_from_others_by_a_capsule_in_either_way() -> None:
    array = jax.numpy.ones((2, 2)).block_until_ready()
    ways = _jax._WAYS if "jaxlib._jax" in sys.modules else _jax._WAYS[-1:]  # not each version has them

    for capsule_of in (*ways, _jax._hold):
        assert "dltensor" in repr(capsule_of(array, None))


HOST = 1
"""kDLCPU."""


@pytest.fixture
def on_host() -> Iterator[None]:
    """Where there is a device, too, JAX makes arrays of the host."""
    with jax.default_device(jax.devices("cpu")[0]):
        yield


@pytest.mark.usefixtures("on_host")
@pytest.mark.parametrize("shape", [(64, 48), (1, 48), (64, 1), (1, 1), (5, 64, 48), (5, 1, 48), (64, 48, 3)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_capsule_says_where_an_array_lies(shape: tuple[int, ...], dtype: str) -> None:
    array = jax.numpy.ones(shape, dtype).block_until_ready()
    capsule = _jax._capsule(array, None)

    assert pointer_in_c_order(capsule, HOST) == array.unsafe_buffer_pointer()
    assert pointer_in_c_order(capsule) is None  # it is no device's


def test_a_capsule_says_that_an_array_does_not_lie_in_c_order() -> None:
    turned = np.ones((5, 7)).T  # which NumPy gives away as it lies

    assert pointer_in_c_order(turned.__dlpack__(), HOST) is None
    assert pointer_in_c_order(turned.T.__dlpack__(), HOST) == turned.ctypes.data
    assert pointer_in_c_order(turned[:1].__dlpack__(), HOST) is None
    assert pointer_in_c_order(turned[3:, :1].T.__dlpack__(), HOST) == turned.ctypes.data + 24


@pytest.mark.usefixtures("on_host")
def test_a_capsule_that_was_taken_says_nothing() -> None:
    array = jax.numpy.ones((5, 7))
    capsule = _jax._capsule(array, None)
    jax.dlpack.from_dlpack(Taken(capsule))

    with pytest.raises(ValueError, match="PyCapsule_GetPointer"):
        pointer_in_c_order(capsule, HOST)


class Taken:
    def __init__(self, capsule: object) -> None:
        self._capsule = capsule

    def __dlpack__(self, **_: object) -> object:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return HOST, 0


@pytest.fixture
def streams(on_host: None, monkeypatch: pytest.MonkeyPatch) -> DeviceCopies:
    """What copies from a device that is the host."""
    monkeypatch.setattr(_jax, "_device_of", lambda sharding: 0)
    monkeypatch.setattr(_jax, "pointer_in_c_order", lambda capsule: pointer_in_c_order(capsule, HOST))
    monkeypatch.setattr(_jax, "_capsule_at_once", lambda array, stream: _jax._capsule(array, None))
    return DeviceCopies(FakeCuda())


class OnDevice:
    """What JAX's arrays say of themselves, and how often they were asked to."""

    ndim = 2

    def __init__(self, layout: str | None, *, in_c_order: bool = True) -> None:
        if layout:
            self._pjrt_layout = layout
        self.aval = SimpleNamespace(shape=(3, 4), dtype=np.dtype("<u2"))
        self.sharding = "the first device's"
        self._in_c_order = in_c_order
        self.described = 0

    def unsafe_buffer_pointer(self) -> int:
        return 4096

    def is_ready(self) -> bool:
        return True

    @property
    def __cuda_array_interface__(self) -> dict[str, object]:
        self.described += 1
        if not self._in_c_order:
            raise AttributeError("only for what lies in C order")
        return {"data": (4096, True)}


def test_an_array_is_described_only_if_none_that_lay_like_it_was(
    streams: DeviceCopies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_jax, "_c_orders", {})
    turned = OnDevice("{0,1}", in_c_order=False)
    arrays = [OnDevice("{1,0}"), OnDevice("{1,0}"), turned, OnDevice("{1,0}"), OnDevice(None), OnDevice(None)]

    memories = [_jax._at_once(array, streams) for array in arrays]

    assert [array for array, memory in zip(arrays, memories, strict=True) if memory is None] == [turned]
    assert {(memory.pointer, memory.nbytes) for memory in memories if memory} == {(4096, 24)}
    assert [array.described for array in arrays] == [1, 0, 1, 0, 1, 1]


@pytest.mark.parametrize("columns", [2047, 2048])
def test_only_a_large_array_is_copied_later(
    columns: int, streams: DeviceCopies, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = jax.numpy.ones((2048, columns), "float32").block_until_ready()
    monkeypatch.setattr(_jax, "_is_in_c_order", lambda array, layout: True)

    memory = _jax._at_once(array, streams)

    assert memory is not None
    assert bool(memory.find) == (columns == 2048)
    assert memory.pointer == (0 if memory.find else array.unsafe_buffer_pointer())


def test_an_array_that_is_gone_takes_a_closer_look(streams: DeviceCopies) -> None:
    array = jax.numpy.ones((3, 4))
    array.delete()

    assert _jax._at_once(array, streams) is None


def test_an_array_of_a_device_is_held_and_found_and_copied_later(streams: DeviceCopies) -> None:
    plane = np.arange(70 * 90, dtype=np.uint16).reshape(70, 90)
    array, pool = jax.numpy.asarray(plane), BlockPool()
    block = pool.lend(plane.nbytes)

    memory = _jax._held(array, streams)
    assert memory is not None
    copy = streams.start(memory, block.pixels)
    array.delete()  # what is held stays where it is
    assert copy is not None
    copy.wait()

    assert bytes(block.pixels) == plane.tobytes()
    del copy, memory
    pool.close()


def test_what_lies_otherwise_is_read_by_jax(streams: DeviceCopies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_jax, "pointer_in_c_order", lambda capsule: None)
    array, pixels = jax.numpy.arange(12.0).reshape(3, 4), bytearray(48)

    memory = _jax._held(array, streams)
    assert memory is not None
    assert _jax._find(memory, memoryview(pixels)) is None
    assert bytes(pixels) == np.asarray(array).tobytes()


def test_what_a_capsule_of_another_kind_holds_is_read_by_jax(streams: DeviceCopies) -> None:
    array, pixels = jax.numpy.arange(12.0).reshape(3, 4), bytearray(48)
    memory = _jax._held(array, streams)
    assert memory is not None
    jax.dlpack.from_dlpack(Taken(memory.owner[1]))  # which then has another name

    assert _jax._find(memory, memoryview(pixels)) is None
    assert bytes(pixels) == np.asarray(array).tobytes()


def test_what_cannot_be_held_at_once_takes_a_closer_look(
    streams: DeviceCopies, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(array: object, stream: int) -> object:
        raise ValueError("not in this version")

    assert _jax._at_once(jax.numpy.ones((3, 4), "bfloat16"), streams) is None
    monkeypatch.setattr(_jax, "_capsule_at_once", refuse)
    assert _jax._held(jax.numpy.ones((3, 4)), streams) is None


def test_an_array_that_is_traced_is_refused() -> None:
    with pytest.raises(UnsupportedArrayError, match="send it outside of jit"):
        jax.jit(to_numpy)(jax.numpy.ones((2, 2)))


def test_an_array_that_was_given_away_is_refused() -> None:
    array = jax.numpy.ones((2, 2))
    array.delete()

    with pytest.raises(UnsupportedArrayError, match="deleted"):
        ArrayWriter().write(array, memoryview(bytearray(16)))


@pytest.mark.parametrize("dtype", ["complex64", "float8_e5m2", "int4"])
def test_a_dtype_that_no_image_has_is_refused(dtype: str) -> None:
    with pytest.raises(UnsupportedArrayError, match="wanted pixels of"):
        to_numpy(jax.numpy.ones((2, 2), dtype))


def test_an_array_on_several_devices_is_refused_if_each_has_a_part(run_python: Callable[..., str]) -> None:
    code = """
import jax
from hcs_shm import to_numpy
mesh = jax.sharding.Mesh(jax.devices(), "y")
place = jax.sharding.PartitionSpec
ones = jax.numpy.ones((4, 4))
print(to_numpy(jax.device_put(ones, jax.sharding.NamedSharding(mesh, place()))).sum())
try: to_numpy(jax.device_put(ones, jax.sharding.NamedSharding(mesh, place("y"))))
except TypeError as error: print(error)
"""

    said = run_python(code, XLA_FLAGS="--xla_force_host_platform_device_count=2", JAX_PLATFORMS="cpu")

    assert said.startswith("16.0\nthis array of JAX is sharded over 2 devices: send jax.device_get(array)")
