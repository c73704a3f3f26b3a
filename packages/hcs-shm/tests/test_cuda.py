"""What NVIDIA's runtime is asked, by a runtime that only remembers it."""

from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import pytest

from hcs_protocol import DeviceError
from hcs_shm._cuda import Runtime


class Error(IntEnum):
    cudaSuccess = 0  # noqa: N815  # as CUDA calls it
    cudaErrorMemoryAllocation = 2  # noqa: N815


class Remembering:
    """Like the module ``cuda.bindings.runtime``: every call returns an error and what it found."""

    cudaError_t = Error  # noqa: N815
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyDeviceToHost="to host")  # noqa: N815

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answers: dict[str, tuple[Any, ...]] = {
            "cudaGetDevice": (0,),
            "cudaGetDeviceCount": (2,),
            "cudaPointerGetAttributes": (SimpleNamespace(type=2, device=1),),
            "cudaStreamCreateWithFlags": (77,),
            "cudaEventCreateWithFlags": (78,),
            "cudaHostAlloc": (4096,),
            "cudaGetErrorString": (b"out of memory",),
        }
        self.failing = ""

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: object) -> tuple[Any, ...]:
            self.asked.append((name, *arguments))
            error = Error.cudaErrorMemoryAllocation if name == self.failing else Error.cudaSuccess
            return error, *self.answers.get(name, ())

        call.__name__ = name
        return call


def test_what_is_asked_is_what_cuda_calls_it() -> None:
    bindings = Remembering()
    cuda = Runtime(bindings)

    found = cuda.devices, cuda.device_of(9), cuda.new_stream(), cuda.new_event(), cuda.allocate(64)
    cuda.record(78, 1)
    cuda.let_wait(77, 78)
    cuda.copy(1, 2, 3, 77)
    cuda.copy_rows(1, 2, 90, 80, 7, 77)
    cuda.wait(78)
    cuda.synchronize(77)
    cuda.register(4096, 64)
    cuda.unregister(4096)
    cuda.free(4096)

    assert found == (2, 1, 77, 78, 4096)
    assert bindings.asked[2:] == [
        ("cudaStreamCreateWithFlags", 1),
        ("cudaEventCreateWithFlags", 3),
        ("cudaHostAlloc", 64, 1),
        ("cudaEventRecord", 78, 1),
        ("cudaStreamWaitEvent", 77, 78, 0),
        ("cudaMemcpyAsync", 1, 2, 3, "to host", 77),
        ("cudaMemcpy2DAsync", 1, 80, 2, 90, 80, 7, "to host", 77),
        ("cudaEventSynchronize", 78),
        ("cudaStreamSynchronize", 77),
        ("cudaHostRegister", 4096, 64, 1),
        ("cudaHostUnregister", 4096),
        ("cudaFreeHost", 4096),
    ]


def test_a_threads_device_is_changed_only_for_another_one_and_back() -> None:
    bindings = Remembering()
    cuda = Runtime(bindings)

    with cuda.on(0), cuda.on(1):
        pass

    assert [asked for asked in bindings.asked if asked[0] == "cudaSetDevice"] == [
        ("cudaSetDevice", 1),
        ("cudaSetDevice", 0),
    ]


def test_an_error_says_which_call_failed_and_why_and_is_not_left_to_others() -> None:
    bindings = Remembering()
    bindings.failing = "cudaMemcpyAsync"

    with pytest.raises(DeviceError, match="cudaMemcpyAsync: out of memory"):
        Runtime(bindings).copy(1, 2, 3, 77)

    assert ("cudaGetLastError",) in bindings.asked


def test_host_memory_is_no_devices() -> None:
    bindings = Remembering()
    bindings.answers["cudaPointerGetAttributes"] = (SimpleNamespace(type=1, device=0),)

    with pytest.raises(DeviceError, match="wanted a pointer to a device's memory"):
        Runtime(bindings).device_of(9)


def test_without_a_driver_there_is_no_device() -> None:
    bindings = Remembering()
    bindings.failing = "cudaGetDeviceCount"

    assert Runtime(bindings).devices == 0


def test_the_bindings_have_all_that_is_asked() -> None:
    bindings = pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")
    remembering = Remembering()
    cuda = Runtime(remembering)
    cuda.device_of(9)
    with cuda.on(1):
        cuda.copy(1, 2, 3, cuda.new_stream())
    for address in (cuda.allocate(64), cuda.new_event()):
        cuda.register(address, 64)

    assert [asked[0] for asked in remembering.asked if not hasattr(bindings, asked[0])] == []
    assert Runtime(bindings).devices >= 0
