"""What NVIDIA's runtime is asked, by a runtime that only remembers it."""

import importlib
import sys
from collections.abc import Callable
from enum import IntEnum
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from hcs_protocol import DeviceError
from hcs_shm._cuda import Runtime, cuda_runtime


class Error(IntEnum):
    cudaSuccess = 0  # noqa: N815  # as CUDA calls it
    cudaErrorMemoryAllocation = 2  # noqa: N815
    cudaErrorNotReady = 600  # noqa: N815


class Remembering:
    """Like the modules of ``cuda.bindings``: every call returns an error and what it found."""

    cudaError_t = Error  # noqa: N815
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyDeviceToHost="to host")  # noqa: N815

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answers: dict[str, tuple[Any, ...]] = {
            "cudaGetDeviceCount": (2,),
            "cudaPointerGetAttributes": (SimpleNamespace(type=2, device=1),),
            "cudaStreamCreateWithFlags": (77,),
            "cudaEventCreateWithFlags": (78,),
            "cudaHostAlloc": (4096,),
            "cudaGetErrorString": (b"out of memory",),
        }
        self.failing = ""
        self.is_ready = True
        self.context = 0
        """Of this thread; the number of its device, from 1."""

    def cuCtxGetCurrent(self) -> tuple[Error, int]:  # noqa: N802
        return Error.cudaSuccess, self.context

    def cuCtxSetCurrent(self, context: int) -> tuple[Error]:  # noqa: N802
        self.context = context
        return (Error.cudaSuccess,)

    def cudaGetDevice(self) -> tuple[Error, int]:  # noqa: N802
        return Error.cudaSuccess, max(self.context - 1, 0)

    def cudaSetDevice(self, device: int) -> tuple[Error]:  # noqa: N802
        self.asked.append(("cudaSetDevice", device))
        self.context = device + 1
        return (Error.cudaSuccess,)

    def cudaEventQuery(self, event: int) -> tuple[Error]:  # noqa: N802
        return (Error.cudaSuccess if self.is_ready else Error.cudaErrorNotReady,)

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: object) -> tuple[Any, ...]:
            self.asked.append((name, *arguments))
            error = Error.cudaErrorMemoryAllocation if name == self.failing else Error.cudaSuccess
            return error, *self.answers.get(name, ())

        call.__name__ = name
        return call


def of(bindings: Remembering) -> Runtime:
    return Runtime(bindings, bindings)


def test_what_is_asked_is_what_cuda_calls_it() -> None:
    bindings = Remembering()
    cuda = of(bindings)

    found = cuda.why_no_device(), cuda.device_of(9), cuda.new_stream(), cuda.new_event(), cuda.allocate(64)
    cuda.new_event(sleeping=False)
    cuda.record(78, 1)
    cuda.copy(1, 2, 3, 77)
    cuda.copy_rows(1, 2, 90, 80, 7, 77)
    cuda.wait(78)
    cuda.synchronize(77)
    cuda.register(4096, 64)
    cuda.unregister(4096)

    assert found == ("", 1, 77, 78, 4096)
    assert bindings.asked[2:] == [
        ("cudaStreamCreateWithFlags", 1),
        ("cudaEventCreateWithFlags", 3),
        ("cudaHostAlloc", 64, 1),
        ("cudaEventCreateWithFlags", 2),
        ("cudaEventRecord", 78, 1),
        ("cudaMemcpyAsync", 1, 2, 3, "to host", 77),
        ("cudaMemcpy2DAsync", 1, 80, 2, 90, 80, 7, "to host", 77),
        ("cudaEventSynchronize", 78),
        ("cudaStreamSynchronize", 77),
        ("cudaHostRegister", 4096, 64, 1),
        ("cudaHostUnregister", 4096),
    ]


def test_a_threads_device_is_changed_only_for_another_one_and_back() -> None:
    bindings = Remembering()
    bindings.context = 1
    cuda = of(bindings)

    with cuda.on(0), cuda.on(1):
        assert bindings.context == 2

    assert bindings.context == 1
    assert [asked for asked in bindings.asked if asked[0] == "cudaSetDevice"] == [("cudaSetDevice", 1)]


@pytest.mark.parametrize("device", [0, 1])
def test_a_thread_that_used_no_device_uses_none_afterwards(device: int) -> None:
    bindings = Remembering()

    for _ in range(2):
        with of(bindings).on(device):
            assert bindings.context == device + 1
        assert bindings.context == 0  # to have set the first device would take memory there

    assert bindings.asked == [("cudaSetDevice", device)] * 2


def test_an_event_that_has_not_happened_is_no_error() -> None:
    bindings = Remembering()
    bindings.is_ready = False

    assert not of(bindings).has_happened(78)
    assert bindings.asked == []

    bindings.is_ready = True
    assert of(bindings).has_happened(78)


def test_an_error_says_which_call_failed_and_why_and_is_not_left_to_others() -> None:
    bindings = Remembering()
    bindings.failing = "cudaMemcpyAsync"

    with pytest.raises(DeviceError, match="cudaMemcpyAsync: out of memory"):
        of(bindings).copy(1, 2, 3, 77)

    assert ("cudaGetLastError",) in bindings.asked


@pytest.mark.parametrize("kind", [0, 1])
def test_host_memory_is_no_devices(kind: int) -> None:
    bindings = Remembering()
    bindings.answers["cudaPointerGetAttributes"] = (SimpleNamespace(type=kind, device=0),)

    assert of(bindings).device_of(9) is None


def test_without_a_driver_there_is_no_device() -> None:
    bindings = Remembering()
    bindings.failing = "cudaGetDeviceCount"

    assert of(bindings).why_no_device() == "cudaGetDeviceCount: out of memory"


def missing() -> tuple[Error, int]:
    """What bindings before 12.9 do without a driver."""
    raise RuntimeError("Failed to dlopen libcuda.so.1")


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (lambda: (Error.cudaErrorMemoryAllocation, None), "out of memory"),
        (lambda: (Error.cudaSuccess, 0), "there is none"),
        (missing, "libcuda"),
    ],
)
def test_who_finds_no_device_is_told_why(
    count: Callable[[], object], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bindings = Remembering()
    bindings.cudaGetDeviceCount = count  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", cast("ModuleType", bindings))
    monkeypatch.setitem(sys.modules, "cuda.bindings.driver", cast("ModuleType", bindings))

    with pytest.raises(DeviceError, match=rf"find no device \(.*{said}.*\): update its driver"):
        cuda_runtime()


def test_who_has_no_bindings_is_told_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cuda", "cuda.bindings", "cuda.bindings.runtime", "cuda.cudart"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(DeviceError, match=r"pip install 'hcs-shm\[cuda\]'"):
        cuda_runtime()


def test_the_bindings_have_all_that_is_asked() -> None:
    bindings = pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")
    driver = importlib.import_module("cuda.bindings.driver")
    remembering = Remembering()
    cuda = of(remembering)
    cuda.device_of(9)
    with cuda.on(1):
        cuda.copy(1, 2, 3, cuda.new_stream())
    for address in (cuda.allocate(64), cuda.new_event()):
        cuda.register(address, 64)

    assert [asked[0] for asked in remembering.asked if not hasattr(bindings, asked[0])] == []
    assert hasattr(driver, "cuCtxGetCurrent")
    assert hasattr(driver, "cuCtxSetCurrent")
    assert isinstance(Runtime(bindings, driver).why_no_device(), str)


ADDRESS = 0x7F00_0000_1000
CALLS: dict[str, Callable[[Runtime], object]] = {
    "device_of": lambda cuda: cuda.device_of(ADDRESS),
    "new_stream": lambda cuda: cuda.new_stream(),
    "new_event": lambda cuda: cuda.new_event(),
    "record": lambda cuda: cuda.record(ADDRESS, 1),
    "copy": lambda cuda: cuda.copy(ADDRESS, ADDRESS, 1 << 40, 1),
    "copy to what looks at memory": lambda cuda: cuda.copy(memoryview(bytearray(7)), ADDRESS, 7, 1),
    "copy_rows": lambda cuda: cuda.copy_rows(ADDRESS, ADDRESS, 90, 80, 7, 1),
    "copy_rows to it": lambda cuda: cuda.copy_rows(memoryview(bytearray(9)), ADDRESS, 4, 3, 3, 1),
    "wait": lambda cuda: cuda.wait(ADDRESS),
    "synchronize": lambda cuda: cuda.synchronize(1),
    "has_happened": lambda cuda: cuda.has_happened(ADDRESS),
    "register": lambda cuda: cuda.register(ADDRESS, 1 << 40),
    "unregister": lambda cuda: cuda.unregister(ADDRESS),
    "allocate": lambda cuda: cuda.allocate(1 << 40),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_bindings_take_what_they_are_given(call: str) -> None:
    bindings = pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")
    cuda = Runtime(bindings, importlib.import_module("cuda.bindings.driver"))
    if not cuda.why_no_device():
        pytest.skip("there is a device, which would do it")

    with pytest.raises(RuntimeError):  # all of them say that there is no driver, none that it wanted others
        CALLS[call](cuda)
