"""What the copies of a device need of CUDA, and NVIDIA's runtime library behind it.

Streams, events and pointers are the numbers that CUDA has for them. All calls are for the device of
`Cuda.on`, and fail with `DeviceError`.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from hcs_protocol import DeviceError

LEGACY, PER_THREAD = 1, 2
"""The default streams, as numbers that cannot be mistaken for "none"."""

_PORTABLE = 1  # cudaHostRegisterPortable and cudaHostAllocPortable: pinned for all devices
_NON_BLOCKING = 1  # cudaStreamNonBlocking: does not wait for the legacy default stream
_SLEEPING, _UNTIMED = 1, 2  # cudaEventBlockingSync, cudaEventDisableTiming
_ON_A_DEVICE = (2, 3)  # cudaMemoryTypeDevice, cudaMemoryTypeManaged


class Cuda(Protocol):
    """CUDA's runtime."""

    def device_of(self, pointer: int) -> int:
        """Return the number of the device that has this memory."""

    def on(self, device: int) -> AbstractContextManager[None]:
        """Have this device be the calling thread's meanwhile."""

    def new_stream(self) -> int:
        """Make a stream that waits for no other by itself."""

    def new_event(self) -> int:
        """Make an event whose waiters sleep."""

    def record(self, event: int, stream: int) -> None:
        """Let the event happen when the stream has done all that it was given so far."""

    def let_wait(self, stream: int, event: int) -> None:
        """Let what the stream is given from now on begin after the event."""

    def copy(self, target: int, source: int, nbytes: int, stream: int) -> None:
        """Give the stream a copy from device to host memory."""

    def copy_rows(self, target: int, source: int, pitch: int, width: int, rows: int, stream: int) -> None:
        """The same of rows of ``width`` bytes that begin ``pitch`` bytes apart; the target has no gaps."""

    def wait(self, event: int) -> None:
        """Wait for an event, without the GIL."""

    def synchronize(self, stream: int) -> None:
        """Wait until a stream has done all that it was given."""

    def register(self, address: int, nbytes: int) -> None:
        """Let devices write this host memory by themselves: its pages stay where they are from now on."""

    def unregister(self, address: int) -> None:
        """End that."""

    def allocate(self, nbytes: int) -> int:
        """Return host memory that devices write by themselves."""

    def free(self, address: int) -> None:
        """Give that back."""


class Runtime:
    """CUDA's runtime through ``cuda.bindings``."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        self._success = runtime.cudaError_t.cudaSuccess
        self._to_host = runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._record, self._wait_event = runtime.cudaEventRecord, runtime.cudaStreamWaitEvent

    @property
    def devices(self) -> int:
        """How many there are; 0 also without a driver."""
        error, count = self._runtime.cudaGetDeviceCount()
        return int(count) if error == self._success else 0

    def device_of(self, pointer: int) -> int:
        """Ask the driver."""
        (found,) = self._do(self._runtime.cudaPointerGetAttributes, pointer)
        if int(found.type) not in _ON_A_DEVICE:
            raise DeviceError(f"wanted a pointer to a device's memory, got one of type {int(found.type)}")
        return int(found.device)

    @contextmanager
    def on(self, device: int) -> Iterator[None]:
        """Change the thread's device only if it has another."""
        (before,) = self._do(self._runtime.cudaGetDevice)
        if before == device:
            yield
            return
        self._do(self._runtime.cudaSetDevice, device)
        try:
            yield
        finally:
            self._do(self._runtime.cudaSetDevice, before)

    def new_stream(self) -> int:
        """Make one."""
        return int(self._do(self._runtime.cudaStreamCreateWithFlags, _NON_BLOCKING)[0])

    def new_event(self) -> int:
        """Make one."""
        return int(self._do(self._runtime.cudaEventCreateWithFlags, _SLEEPING | _UNTIMED)[0])

    def record(self, event: int, stream: int) -> None:
        """Record it."""
        self._do(self._record, event, stream)

    def let_wait(self, stream: int, event: int) -> None:
        """Let it wait."""
        self._do(self._wait_event, stream, event, 0)

    def copy(self, target: int, source: int, nbytes: int, stream: int) -> None:
        """Copy."""
        self._do(self._runtime.cudaMemcpyAsync, target, source, nbytes, self._to_host, stream)

    def copy_rows(self, target: int, source: int, pitch: int, width: int, rows: int, stream: int) -> None:
        """Copy."""
        places = target, width, source, pitch
        self._do(self._runtime.cudaMemcpy2DAsync, *places, width, rows, self._to_host, stream)

    def wait(self, event: int) -> None:
        """Wait."""
        self._do(self._runtime.cudaEventSynchronize, event)

    def synchronize(self, stream: int) -> None:
        """Wait."""
        self._do(self._runtime.cudaStreamSynchronize, stream)

    def register(self, address: int, nbytes: int) -> None:
        """Register it for all devices."""
        self._do(self._runtime.cudaHostRegister, address, nbytes, _PORTABLE)

    def unregister(self, address: int) -> None:
        """Unregister it."""
        self._do(self._runtime.cudaHostUnregister, address)

    def allocate(self, nbytes: int) -> int:
        """Allocate."""
        return int(self._do(self._runtime.cudaHostAlloc, nbytes, _PORTABLE)[0])

    def free(self, address: int) -> None:
        """Free."""
        self._do(self._runtime.cudaFreeHost, address)

    def _do(self, call: Any, *arguments: object) -> tuple[Any, ...]:
        error, *values = call(*arguments)
        if error != self._success:
            self._runtime.cudaGetLastError()  # or PyTorch would raise it, too
            raise DeviceError(f"{call.__name__}: {self._text(error)}")
        return tuple(values)

    def _text(self, error: Any) -> str:
        _, text = self._runtime.cudaGetErrorString(error)
        return text.decode() if isinstance(text, bytes) else str(text)


@cache
def cuda_runtime() -> Runtime | None:
    """Return CUDA's runtime; None without a device, a driver or the bindings."""
    for name in ("cuda.bindings.runtime", "cuda.cudart"):  # the second in cuda-python before 12.6
        try:
            runtime = Runtime(import_module(name))
        except (ImportError, AttributeError, RuntimeError):  # RuntimeError: it finds no library
            continue
        return runtime if runtime.devices else None
    return None
