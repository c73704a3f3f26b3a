"""The limit: a copy from a CUDA device into memory that CUDA itself has pinned."""

from importlib import import_module
from typing import Any

_LEGACY = 1
"""The default stream, on which the libraries compute."""


class PinnedCopies:
    """Copies one array again and again, by the calls of CUDA that a copy into a block takes."""

    def __init__(self, pointer: int, nbytes: int) -> None:
        self._runtime = runtime = cuda_runtime()
        self._source, self._nbytes = pointer, nbytes
        self._to_host = runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        (self._target,) = self._do(runtime.cudaHostAlloc, nbytes, 1)
        (self._event,) = self._do(runtime.cudaEventCreateWithFlags, 2)  # it has no time; its waiters spin

    def copy(self) -> None:
        """Copy and wait."""
        runtime = self._runtime
        self._do(runtime.cudaEventRecord, self._event, _LEGACY)
        copied = self._target, self._source, self._nbytes, self._to_host, _LEGACY
        self._do(runtime.cudaMemcpyAsync, *copied)
        self._do(runtime.cudaEventRecord, self._event, _LEGACY)
        self._do(runtime.cudaEventSynchronize, self._event)

    def close(self) -> None:
        """Give the memory back."""
        self._do(self._runtime.cudaFreeHost, self._target)

    def _do(self, call: Any, *arguments: Any) -> list[Any]:
        error, *found = call(*arguments)
        if error != self._runtime.cudaError_t.cudaSuccess:
            raise RuntimeError(f"{call.__name__}: {error!r}")
        return list(found)


def cuda_runtime() -> Any:
    """Return NVIDIA's bindings."""
    return import_module("cuda.bindings.runtime")


def why_no_device() -> str:
    """Say why nothing can be measured; empty if it can."""
    try:
        error, count = cuda_runtime().cudaGetDeviceCount()
    except (ImportError, RuntimeError) as failed:
        return f"no cuda-bindings: {failed}"
    return "" if count else f"no CUDA device: {error!r}"


def device_name() -> str:
    """Return what the maker calls the first device; empty if that is not to be known."""
    try:
        _, properties = cuda_runtime().cudaGetDeviceProperties(0)
        return str(properties.name.decode().rstrip("\0"))
    except (ImportError, RuntimeError, AttributeError):  # there is none, or the bindings have it otherwise
        return ""
