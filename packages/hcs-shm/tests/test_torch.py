"""Tensors of PyTorch, without a device; with one, `test_gpu.py`."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_cuda import FakeCuda

from hcs_protocol import DTYPES, PixelWriter, UnsupportedArrayError
from hcs_protocol.testing import PixelWriterTests
from hcs_shm import ArrayWriter, BlockPool, _torch, to_numpy
from hcs_shm._device import DeviceCopies
from hcs_shm._torch import Tensor

pytestmark = pytest.mark.torch
torch: Any = pytest.importorskip("torch", reason="torch is not installed", exc_type=ImportError)


class TestTensor(PixelWriterTests):
    def writer(self) -> PixelWriter:
        return ArrayWriter()

    def array(self) -> object:
        return torch.from_numpy(np.arange(12, dtype=np.uint16).reshape(3, 4))


def written(tensor: object) -> np.ndarray:
    shape, dtype = ArrayWriter().layout(tensor)
    pixels = np.zeros(shape, dtype)
    ArrayWriter().write(tensor, memoryview(pixels.ravel()).cast("B"))
    return pixels


def pattern(dtype: str) -> np.ndarray:
    return (np.arange(5 * 70 * 90).reshape(5, 70, 90) % 113).astype(dtype)


LAYOUTS = {
    "C": lambda t: t,
    "transposed": lambda t: t.permute(2, 1, 0),
    "channels last": lambda t: t[None].contiguous(memory_format=torch.channels_last)[0],
    "every other": lambda t: t[:, ::2, ::3],
    "a window": lambda t: t[1:3, 7:50, 11:60],
    "expanded": lambda t: t[0, :1].expand(4, 90),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_is_written_from_every_layout(dtype: str, layout: str) -> None:
    tensor = LAYOUTS[layout](torch.from_numpy(pattern(dtype)))

    assert ArrayWriter().layout(tensor) == (tuple(tensor.shape), dtype)
    assert (written(tensor) == tensor.numpy()).all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bfloat16_becomes_float32_with_the_same_values(layout: str) -> None:
    special = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-40, 3.4e38])
    tensor = torch.randn(5, 70, 90) * 1e4
    tensor[2, 1, :6] = special
    tensor = LAYOUTS[layout](tensor.to(torch.bfloat16))

    assert ArrayWriter().layout(tensor) == (tuple(tensor.shape), "float32")
    assert written(tensor).tobytes() == tensor.float().numpy().tobytes()


def test_a_tensor_that_learns_stays_in_its_graph() -> None:
    tensor = torch.ones(4, 5, requires_grad=True)
    blurred = tensor * 2

    assert (to_numpy(blurred) == 2).all()

    blurred.sum().backward()
    assert (tensor.grad == 2).all()


def test_a_tensor_negated_by_a_bit_is_negated() -> None:
    imaginary = torch.imag(torch.tensor([[1 + 2j, 3 - 4j]]).conj())
    assert imaginary.is_neg()

    assert written(imaginary).tolist() == [[-2, 4]]


def test_numpy_sees_a_tensor_of_the_host_without_a_copy() -> None:
    tensor = torch.zeros(4, 5)
    pixels = to_numpy(tensor)
    tensor[2, 3] = 9

    assert pixels[2, 3] == 9


def test_a_parameter_and_a_subclass_are_tensors() -> None:
    class Own(torch.Tensor):  # type: ignore[misc]  # PyTorch may be missing
        pass

    assert (written(torch.nn.Parameter(torch.ones(2, 3))) == 1).all()
    assert (written(torch.ones(2, 3).as_subclass(Own)) == 1).all()


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (lambda: torch.ones(2, 2).to_sparse(), r"array.to_dense\(\)"),
        (lambda: torch.ones(2, 2).to_sparse_csr(), r"array.to_dense\(\)"),
        (lambda: torch.ones(2, 2, dtype=torch.complex64), r"array.abs\(\)"),
        (lambda: torch.ones(2, 2, dtype=torch.float8_e5m2), r"array.float\(\)"),
        (lambda: torch.ones(2, 2, device="meta"), "has no pixels"),
        (lambda: torch.ones(0, 2), "has pixels"),
        (lambda: torch.tensor(1.0), "has pixels"),
        (lambda: torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.qint8), r"array.dequantize\(\)"),
        (lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), "dense"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # of what torch calls beta
def test_a_tensor_that_no_image_is_like_is_refused_with_advice(make: Any, advice: str) -> None:
    with pytest.raises(UnsupportedArrayError, match=advice):
        ArrayWriter().layout(make())
    with pytest.raises(UnsupportedArrayError, match=advice):
        ArrayWriter().write(make(), memoryview(bytearray(16)))


def test_a_tensor_within_vmap_is_refused() -> None:
    with pytest.raises(UnsupportedArrayError, match="NumPy cannot read"):
        torch.vmap(to_numpy)(torch.ones(2, 2))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
def test_a_device_is_told_where_a_tensor_lies(
    dtype: str, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=0))
    plain = torch.from_numpy(pattern("int8" if dtype == "bfloat16" else dtype))
    tensor = LAYOUTS[layout](plain.to(torch.bfloat16) if dtype == "bfloat16" else plain)
    expected = (tensor.float() if dtype == "bfloat16" else tensor).numpy()
    copies, pool = DeviceCopies(FakeCuda()), BlockPool()
    block = pool.lend(expected.nbytes)

    memory = Tensor(tensor).on_device(copies)
    assert memory is not None
    copy = copies.start(memory, block.pixels)
    assert copy is not None
    copy.wait()

    assert bytes(block.pixels) == expected.tobytes()
    pool.close()


def test_a_tensor_that_lies_nowhere_takes_a_closer_look(monkeypatch: pytest.MonkeyPatch) -> None:
    class OnDevice(torch.Tensor):  # type: ignore[misc]  # PyTorch may be missing
        is_cuda = True

    class Within(OnDevice):
        def data_ptr(self) -> int:
            raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")

    monkeypatch.setattr(torch._C, "_cuda_getCurrentRawStream", lambda device: 0, raising=False)
    tensor, copies = torch.ones(2, 3), DeviceCopies(FakeCuda())
    ArrayWriter().layout(tensor)
    memory = _torch._memory_of(tensor.as_subclass(OnDevice), copies)

    assert memory is not None
    assert memory.pointer == tensor.data_ptr()
    assert _torch._memory_of(tensor.as_subclass(Within), copies) is None
