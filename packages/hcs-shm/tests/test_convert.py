import array as standard_array
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hcs_protocol import DTYPES, PixelWriter, UnsupportedArrayError
from hcs_protocol.testing import PixelWriterTests
from hcs_shm import ArrayWriter, to_numpy


class Described:
    """Like the arrays of CPU torch, JAX, xarray and dask."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.shape = array.shape
        self.dtype = array.dtype
        self.conversions = 0

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        self.conversions += 1
        return self._array


class Interface:
    """Like an image of Pillow."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.__array_interface__ = array.__array_interface__


class TestNumPy(PixelWriterTests):
    def writer(self) -> PixelWriter:
        return ArrayWriter()

    def array(self) -> object:
        return np.arange(12, dtype=np.uint16).reshape(3, 4)


class TestDescribed(TestNumPy):
    def array(self) -> object:
        return Described(np.arange(12, dtype=">u2").reshape(3, 4))


class TestInterface(TestNumPy):
    def array(self) -> object:
        return Interface(np.arange(12, dtype=np.uint16).reshape(3, 4))


class TestMatrix(TestNumPy):
    def array(self) -> object:
        return np.arange(12, dtype=np.uint16).reshape(3, 4).view(type("Own", (np.ndarray,), {}))


def written(array: object) -> bytes:
    shape, dtype = ArrayWriter().layout(array)
    pixels = bytearray(int(np.prod(shape)) * DTYPES[dtype])
    ArrayWriter().write(array, memoryview(pixels))
    return bytes(pixels)


def pattern(dtype: str) -> np.ndarray:
    return (np.arange(5 * 70 * 90).reshape(5, 70, 90) % 113).astype(dtype)


LAYOUTS = {
    "C": lambda a: a,
    "Fortran": np.asfortranarray,
    "transposed": lambda a: a.T,
    "axis moved": lambda a: np.moveaxis(a, 0, -1),
    "flipped": lambda a: a[:, ::-1, ::-1],
    "every other": lambda a: a[..., ::2],
    "a window": lambda a: a[1:3, 7:50, 11:60],
    "a plane": lambda a: a[2],
    "a row": lambda a: a[2, 3],
    "broadcast": lambda a: np.broadcast_to(a[0, 0], (4, 6, 90)),
    "broadcast columns": lambda a: np.broadcast_to(a[0, :, :1], (70, 90)),
    "swapped bytes": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "swapped and transposed": lambda a: a.astype(a.dtype.newbyteorder(">")).T,
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_is_written_from_every_layout(dtype: str, layout: str) -> None:
    array = LAYOUTS[layout](pattern(dtype))

    assert ArrayWriter().layout(array) == (array.shape, dtype)
    assert written(array) == array.astype(array.dtype.newbyteorder("<")).tobytes("C")


def test_not_a_number_and_infinity_stay_what_they_are() -> None:
    array = np.array([[np.nan, np.inf, -np.inf, -0.0]], ">f4")

    assert written(array) == array.astype("<f4").tobytes()


def test_a_memory_map_is_an_array(tmp_path: Path) -> None:
    np.arange(12, dtype=np.uint16).tofile(tmp_path / "pixels")

    array = np.memmap(tmp_path / "pixels", np.uint16, "r", shape=(3, 4))

    assert written(array) == np.arange(12, dtype="<u2").tobytes()


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_matrix_is_an_array() -> None:
    assert written(np.matrix([[1, 2], [3, 4]], np.uint8).T) == bytes([1, 3, 2, 4])


def test_a_lazy_array_is_not_computed_for_its_layout() -> None:
    array = Described(pattern("uint8"))
    ArrayWriter().layout(array)
    assert array.conversions == 0

    ArrayWriter().write(array, memoryview(bytearray(array._array.nbytes)))
    assert array.conversions == 1


def test_dask_and_pillow_are_known() -> None:
    dask_array = pytest.importorskip("dask.array")
    pillow = pytest.importorskip("PIL.Image")
    plane = pattern("uint8")[0]

    assert written(dask_array.from_array(plane, chunks=32)) == plane.tobytes()
    assert written(pillow.fromarray(plane)) == plane.tobytes()


def test_pixels_can_be_written_over_themselves() -> None:
    pixels = bytearray(range(12))
    array = np.frombuffer(pixels, np.uint8).reshape(3, 4)

    ArrayWriter().write(array, memoryview(pixels))

    assert pixels == bytes(range(12))


@pytest.mark.parametrize(
    ("array", "advice"),
    [
        (np.zeros((2, 2), complex), "array.real"),
        (np.zeros((2, 2), object), "astype"),
        (np.zeros((2, 2), [("red", "u1"), ("green", "u1")]), "one field"),
        (np.zeros((2, 2), np.longdouble), r"astype\(np.float64\)"),
        (np.zeros((2, 2), "datetime64[s]"), r"astype\(np.int64\)"),
        (np.zeros((2, 2), "U3"), "send numbers"),
        (np.zeros((0, 4)), "has pixels"),
        (np.zeros(()), "has pixels"),
        (np.ma.masked_less(np.arange(4), 2), r"array.filled\(0\)"),
    ],
)
def test_an_array_that_no_image_is_like_is_refused_with_advice(array: object, advice: str) -> None:
    with pytest.raises(UnsupportedArrayError, match=advice):
        ArrayWriter().layout(array)
    with pytest.raises(UnsupportedArrayError, match=advice):
        ArrayWriter().write(array, memoryview(bytearray(64)))


@pytest.mark.parametrize(
    "thing",
    [
        *([[1, 2], [3, 4]], (1, 2), 5, 2.5, True, None, "text", b"bytes", memoryview(b"ab"), {}),
        *(np.float64(3), np.ndarray, standard_array.array("H", [1, 2])),
    ],
)
def test_what_is_no_array_is_refused(thing: object) -> None:
    with pytest.raises(UnsupportedArrayError):
        ArrayWriter().layout(thing)
    with pytest.raises(UnsupportedArrayError):
        ArrayWriter().write(thing, memoryview(bytearray(4)))


def test_copying_imports_nothing(run_python: Callable[[str], str]) -> None:
    code = """
import sys, tempfile
import numpy as np
from hcs_shm import ArrayWriter, to_numpy
with tempfile.NamedTemporaryFile() as file:
    array = np.memmap(file.name, np.uint16, "w+", shape=(4, 5))
    before = set(sys.modules)
    ArrayWriter().write(array, memoryview(bytearray(40)))
    print(set(sys.modules) - before)
"""

    assert run_python(code) == "set()\n"  # else a child that is forked meanwhile waits for ever


def test_room_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(ValueError, match="read-only"):
        ArrayWriter().write(np.zeros((2, 2), np.uint8), memoryview(bytes(4)))


def test_numpy_sees_an_array_as_a_viewer_does_without_a_copy() -> None:
    array = pattern("uint16")[:, ::2]

    assert np.shares_memory(to_numpy(array), array)


def test_numpy_gets_pixels_that_have_to_be_converted_in_an_array_of_its_own() -> None:
    swapped = pattern("uint16").astype(">u2")

    pixels = to_numpy(swapped)

    assert pixels.dtype == "<u2"
    assert (pixels == swapped).all()


def test_numpy_gets_no_pixels_that_no_viewer_can_draw() -> None:
    with pytest.raises(UnsupportedArrayError, match=r"array\.real"):
        to_numpy(np.zeros((2, 2), complex))
