"""Arrays that are known by what they can do."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hcs_protocol import UnsupportedArrayError
from hcs_shm import ArrayWriter, to_numpy
from hcs_shm._chunked import DaskArray

PATIENCE_SECONDS = 20.0

PLANE = np.arange(40 * 30, dtype=np.uint16).reshape(40, 30)


class OnADevice:
    """Like an array of Numba, of which the host gets nothing unasked."""

    def __init__(self, array: np.ndarray) -> None:
        self.__cuda_array_interface__ = array.__array_interface__

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        raise TypeError("implicit conversion is not allowed")


class Capsule:
    """Shows its memory by DLPack and by nothing else."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __dlpack__(self, **asked: object) -> object:
        return self._array.__dlpack__(**asked)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()


class ElsewhereCapsule(Capsule):
    """On a device that cannot be copied from."""

    def __dlpack__(self, **asked: object) -> object:
        raise BufferError("the device is gone")

    def __dlpack_device__(self) -> tuple[int, int]:
        return 8, 0  # Metal


class OnCuda(Capsule):
    """On a device that only its library, or another one, copies from."""

    def __dlpack__(self, **asked: object) -> object:
        raise BufferError("this memory is not the host's")

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0


class Unlucky:
    """Its library fails in a way of its own."""

    shape, dtype = PLANE.shape, PLANE.dtype

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        raise KeyError("the store is closed")


class OfAnotherKind:
    """Of a device, and nothing here knows how to fetch it: NumPy takes it for an object."""

    def __init__(self, array: np.ndarray) -> None:
        self.__cuda_array_interface__ = array.__array_interface__


class InChunks:
    """Like an array of zarr or a dataset of h5py."""

    def __init__(self, array: np.ndarray, chunks: tuple[int, ...]) -> None:
        self._array = array
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, chunks
        self.read: list[tuple[int, ...]] = []

    def __getitem__(self, place: tuple[slice, ...]) -> np.ndarray:
        self.read.append(self._array[place].shape)
        return self._array[place]

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        raise AssertionError("all of it was asked for at once")


def written(array: object) -> np.ndarray:
    shape, dtype = ArrayWriter().layout(array)
    pixels = np.zeros(shape, dtype)
    ArrayWriter().write(array, memoryview(pixels.ravel()).cast("B"))
    return pixels


def test_what_shows_its_memory_by_dlpack_is_an_array() -> None:
    assert (written(Capsule(PLANE)) == PLANE).all()
    assert (written(Capsule(PLANE.T)) == PLANE.T).all()


def test_what_a_device_does_not_give_away_is_refused() -> None:
    with pytest.raises(UnsupportedArrayError, match="the device is gone"):
        to_numpy(ElsewhereCapsule(PLANE))


def test_an_array_on_a_device_says_what_it_is_before_anybody_copies_it() -> None:
    assert ArrayWriter().layout(OnADevice(PLANE)) == (PLANE.shape, "uint16")


def test_an_array_on_a_device_whose_library_does_not_copy_it_is_refused() -> None:
    with pytest.raises(UnsupportedArrayError, match="implicit conversion is not allowed"):
        to_numpy(OnADevice(PLANE))


def test_an_array_is_found_though_others_of_its_kind_were_found_on_a_device() -> None:
    class Anywhere:
        shape, dtype = (2, 3), np.dtype(np.uint8)

        def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
            return np.ones(self.shape, self.dtype)

    here, there = Anywhere(), Anywhere()
    there.__dict__["__cuda_array_interface__"] = PLANE.__array_interface__

    assert ArrayWriter().layout(there) == ((40, 30), "uint16")
    assert (to_numpy(here) == np.ones((2, 3), np.uint8)).all()


def test_an_array_in_chunks_is_never_read_as_a_whole() -> None:
    large = np.arange(4096 * 2000, dtype=np.uint32).reshape(4096, 2000)
    array = InChunks(large, (300, 300))

    assert (written(array) == large).all()
    assert max(rows * columns for rows, columns in array.read) * 4 <= 8 << 20
    assert len(array.read) < 20  # small chunks are read together


def test_a_chunk_larger_than_a_piece_is_read_as_it_is() -> None:
    large = np.zeros((4, 2048, 2048), np.uint16)
    array = InChunks(large, (1, 2048, 2048))

    assert (written(array) == large).all()
    assert array.read == [(1, 2048, 2048)] * 4


@pytest.mark.parametrize("chunks", [(7, 11), (40, 30), (1, 30), (100, 100)])
def test_an_array_of_zarr_is_read_by_chunk(chunks: tuple[int, int], tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(store=tmp_path / "plane.zarr", shape=PLANE.shape, chunks=chunks, dtype="uint16")
    array[:] = PLANE

    assert (written(array) == PLANE).all()
    assert (to_numpy(array) == PLANE).all()


def test_an_array_of_dask_is_computed_by_chunk_and_what_chunks_share_once() -> None:
    dask_array = pytest.importorskip("dask.array")
    computed: list[tuple[int, ...]] = []

    def looked_at(block: np.ndarray) -> np.ndarray:
        computed.append(block.shape)
        return block

    array = dask_array.from_array(PLANE, chunks=(16, 16)).map_blocks(
        looked_at, dtype="uint16", meta=PLANE[:0, :0]
    )
    array = (array + array[::-1]).T

    assert (written(array) == (PLANE + PLANE[::-1]).T).all()
    assert len(computed) == 6


@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_an_array_of_dask_is_computed_by_the_scheduler_in_use(scheduler: str) -> None:
    dask, dask_array = pytest.importorskip("dask"), pytest.importorskip("dask.array")

    with dask.config.set(scheduler=scheduler):
        assert (written(dask_array.from_array(PLANE, chunks=16)) == PLANE).all()


def test_nobody_writes_any_more_when_a_chunk_of_dask_has_failed() -> None:
    dask_array = pytest.importorskip("dask.array")
    begun, failed = threading.Event(), threading.Event()
    under_way: list[bool] = []

    def chunk(block_info: dict[None, dict[str, tuple[int, ...]]]) -> np.ndarray:
        if block_info[None]["chunk-location"] == (1, 0):
            assert begun.wait(PATIENCE_SECONDS)
            failed.set()
            raise OSError("this file is broken")
        return np.ones((1024, 1024), np.uint16)

    def put(place: np.ndarray, pixels: object) -> None:
        under_way.append(True)
        begun.set()
        assert failed.wait(PATIENCE_SECONDS)
        for _ in range(500):  # much longer than it takes to fail
            place[...] = pixels
        under_way.pop()

    array = dask_array.map_blocks(chunk, chunks=((1024,) * 2, (1024,)), dtype=np.uint16)
    source = DaskArray(array, put)

    with pytest.raises(OSError, match="broken"):
        source.copy_to(np.zeros(array.shape, np.uint16))
    assert not under_way


def test_an_array_of_dask_is_computed_by_a_cluster() -> None:
    dask_array, distributed = pytest.importorskip("dask.array"), pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, protocol="inproc"
    )

    with cluster, distributed.Client(cluster):
        assert (written(dask_array.from_array(PLANE, chunks=16) + 1) == PLANE + 1).all()


def test_an_array_of_dask_that_does_not_know_its_shape_is_refused() -> None:
    dask_array = pytest.importorskip("dask.array")
    array = dask_array.from_array(PLANE, chunks=16)

    with pytest.raises(UnsupportedArrayError, match="compute_chunk_sizes"):
        to_numpy(array[array[:, 0] > 9])


def test_a_chunk_that_is_not_as_its_array_says_is_refused() -> None:
    dask_array = pytest.importorskip("dask.array")
    array = dask_array.from_array(PLANE, chunks=16).map_blocks(lambda block: block / 2, dtype="uint16")

    with pytest.raises(UnsupportedArrayError, match=r"wanted .* uint16 .* computed .*float64"):
        to_numpy(array)


def test_masked_pixels_are_refused_in_chunks_too() -> None:
    dask_array = pytest.importorskip("dask.array")
    array = dask_array.from_array(np.ma.masked_less(PLANE, 9), chunks=16, asarray=False)

    with pytest.raises(UnsupportedArrayError, match="masked pixels have no value"):
        to_numpy(array)


def test_a_sparse_matrix_is_refused_with_its_own_advice() -> None:
    sparse = pytest.importorskip("scipy.sparse")

    with pytest.raises(UnsupportedArrayError, match=r"send array.toarray\(\)"):
        to_numpy(sparse.csr_matrix(PLANE))


CONVERTER = """
import sys
from pathlib import Path
import numpy as np
from hcs_shm import ArrayWriter, to_numpy

class Volume:
    __module__ = "odd_microscope.volumes"

print((to_numpy(Volume()) == 7).all(), ArrayWriter().layout(Volume()))
"""


def bring(folder: Path, code: str) -> None:
    """Install a package that brings a converter."""
    (folder / "odd_converters.py").write_text(code)
    about = folder / "odd_converters-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-converters\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[hcs.converters]\nodd_microscope = odd_converters:to_array\n")


def test_an_installed_package_brings_a_converter(tmp_path: Path, run_python: Callable[..., str]) -> None:
    bring(tmp_path, "import numpy as np\ndef to_array(volume): return np.full((2, 3), 7, 'uint8')\n")

    assert run_python(CONVERTER, PYTHONPATH=str(tmp_path)) == "True ((2, 3), 'uint8')\n"


def test_a_converter_that_cannot_be_loaded_says_whose_it_is(
    tmp_path: Path, run_python: Callable[..., str]
) -> None:
    bring(tmp_path, "raise ImportError('no driver')\n")
    code = (
        f"try:\n    {CONVERTER.replace(chr(10), chr(10) + '    ')}\nexcept TypeError as error: print(error)"
    )

    said = run_python(code, PYTHONPATH=str(tmp_path))

    assert said.startswith("hcs.converters entry point odd_microscope = odd_converters:to_array failed")


def test_no_library_is_imported_for_an_array(run_python: Callable[..., str]) -> None:
    code = """
import sys
import numpy as np
from hcs_shm import to_numpy
class Capsule:
    def __init__(self, array): self.array = array
    def __dlpack__(self, **asked): return self.array.__dlpack__(**asked)
    def __dlpack_device__(self): return self.array.__dlpack_device__()
before = set(sys.modules)
to_numpy(Capsule(np.zeros((2, 2))))
try: to_numpy("no array")
except TypeError: pass
print({name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)
"""

    assert run_python(code) == "set()\n"


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (Unlucky(), "cannot read .*Unlucky: KeyError: 'the store is closed'"),
        (OfAnotherKind(PLANE), r"nothing here copies .*OfAnotherKind from its device: pip install"),
    ],
)
def test_what_its_library_cannot_give_is_refused_in_words(array: object, said: str) -> None:
    with pytest.raises(UnsupportedArrayError, match=said):
        to_numpy(array)


def test_a_capsule_of_a_cuda_device_is_fetched_by_a_library_that_knows_cuda(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cupy: Any = ModuleType("cupy")
    cupy.ndarray = type("ndarray", (), {})
    cupy.from_dlpack = lambda capsule: capsule
    cupy.asnumpy = lambda capsule: capsule._array
    monkeypatch.setitem(sys.modules, "cupy", cupy)

    assert (to_numpy(OnCuda(PLANE)) == PLANE).all()
