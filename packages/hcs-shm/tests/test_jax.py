"""Arrays of JAX, without a device; two devices are the host's own, pretended by XLA."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_cuda import FakeCuda

from hcs_protocol import PixelWriter, UnsupportedArrayError
from hcs_protocol.testing import PixelWriterTests
from hcs_shm import ArrayWriter, _jax, to_numpy
from hcs_shm._device import DeviceCopies

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
    ways = [_jax._hold, _jax._hold_otherwise, _jax._capsule]
    if "jaxlib._jax" in sys.modules:  # not each version has them
        ways += [_jax._capsule_at_once, _jax._capsule_of_part]

    for capsule_of in ways:
        assert "dltensor" in repr(capsule_of(array, None))


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


def test_an_array_is_described_only_if_none_that_lay_like_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_jax, "_c_orders", {})
    monkeypatch.setattr(_jax, "_device_of", lambda sharding: 0)
    turned = OnDevice("{0,1}", in_c_order=False)
    arrays = [OnDevice("{1,0}"), OnDevice("{1,0}"), turned, OnDevice("{1,0}"), OnDevice(None), OnDevice(None)]

    found = [_jax._memory_of(array, DeviceCopies(FakeCuda())) for array in arrays]

    assert [array for array, memory in zip(arrays, found, strict=True) if memory is None] == [turned]
    assert {(memory.pointer, memory.nbytes) for memory in found if memory} == {(4096, 24)}
    assert [array.described for array in arrays] == [1, 0, 1, 0, 1, 1]


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
