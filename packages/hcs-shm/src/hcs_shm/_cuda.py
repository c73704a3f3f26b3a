"""What the copies of a device need of CUDA, and NVIDIA's runtime library behind it.

Streams and pointers are the numbers that CUDA has for them. All calls are for the device of `Cuda.on`, and
fail with `DeviceError`.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import Any, NoReturn, Protocol, TypeAlias

from hcs_protocol import DeviceError

LEGACY, PER_THREAD = 1, 2
"""The default streams, as numbers that cannot be mistaken for "none"."""

Target: TypeAlias = int | memoryview
"""Host memory: its address, or what looks at it."""

_PORTABLE = 1  # cudaHostRegisterPortable and cudaHostAllocPortable: pinned for all devices
_NON_BLOCKING = 1  # cudaStreamNonBlocking: does not wait for the legacy default stream
_SLEEPING, _UNTIMED = 1, 2  # cudaEventBlockingSync, cudaEventDisableTiming
_ON_A_DEVICE = (2, 3)  # cudaMemoryTypeDevice, cudaMemoryTypeManaged
_UNCHANGED = nullcontext()


class Cuda(Protocol):
    """CUDA's runtime."""

    is_alone: bool
    """Whether there is one device, and so no other one to change to."""

    def device_of(self, pointer: int) -> int | None:
        """Return the number of the device that has this memory; None if the host has it."""

    def is_on(self, device: int) -> bool:
        """Say whether this device is the calling thread's: then nothing is to be changed."""

    def on(self, device: int) -> AbstractContextManager[None]:
        """Have this device be the calling thread's meanwhile; no other one is touched."""

    def new_stream(self) -> int:
        """Make a stream that waits for no other by itself."""

    def new_event(self, *, sleeping: bool = True) -> object:
        """Make an event whose waiters sleep, or spin: they go on 40 µs sooner, and take a core meanwhile."""

    def record(self, event: object, stream: int) -> None:
        """Let the event happen when the stream has done all that it was given so far."""

    def copy(self, target: Target, source: int, nbytes: int, stream: int) -> None:
        """Give the stream a copy from device to host memory."""

    def copy_rows(self, target: Target, source: int, pitch: int, width: int, rows: int, stream: int) -> None:
        """The same of rows of ``width`` bytes that begin ``pitch`` bytes apart; the target has no gaps."""

    def wait(self, event: object) -> None:
        """Wait for an event, without the GIL."""

    def synchronize(self, stream: int) -> None:
        """Wait until a stream has done all that it was given."""

    def has_happened(self, event: object) -> bool:
        """Say whether an event has happened."""

    def register(self, address: int, nbytes: int) -> None:
        """Let devices write this host memory by themselves: its pages stay where they are from now on."""

    def unregister(self, address: int) -> None:
        """End that."""

    def allocate(self, nbytes: int) -> int:
        """Return host memory that devices write by themselves; it is kept until the process ends."""


class Runtime:
    """CUDA's runtime, and what it lacks of the driver, through ``cuda.bindings``."""

    def __init__(self, runtime: Any, driver: Any) -> None:
        self._runtime, self._driver = runtime, driver
        self._success = runtime.cudaError_t.cudaSuccess
        self._not_ready = runtime.cudaError_t.cudaErrorNotReady
        self._to_host = runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self.is_alone = False
        self._record, self._copy = runtime.cudaEventRecord, runtime.cudaMemcpyAsync
        self._attributes = runtime.cudaPointerGetAttributes

    def why_no_device(self) -> str:
        """Say why there is none; empty if there is one."""
        try:
            (count,) = self._do(self._runtime.cudaGetDeviceCount)
        except (DeviceError, RuntimeError) as error:  # the second without a driver, before 12.9
            return str(error)
        self.is_alone = count == 1
        return "" if count else "there is none"

    def device_of(self, pointer: int) -> int | None:
        """Ask the driver."""
        error, *attributes = self._attributes(pointer)
        if error != self._success:
            self._fail(error, "cudaPointerGetAttributes")
        (found,) = attributes
        return int(found.device) if int(found.type) in _ON_A_DEVICE else None

    def is_on(self, device: int) -> bool:
        """Ask for the thread's context, and not only for its device, which it may not have begun to use."""
        return self.is_alone or (self._context() != 0 and self._do(self._runtime.cudaGetDevice)[0] == device)

    def on(self, device: int) -> AbstractContextManager[None]:
        """Change the thread's context only if it has none or another's.

        To set the device that a thread had would begin to use that one, which may be full of another process.
        """
        return _UNCHANGED if self.is_on(device) else self._changed_to(device)

    def _context(self) -> int:
        _, found = self._driver.cuCtxGetCurrent()
        return 0 if found is None else int(found)

    @contextmanager
    def _changed_to(self, device: int) -> Iterator[None]:
        before = self._context()
        self._do(self._runtime.cudaSetDevice, device)
        try:
            yield
        finally:
            self._driver.cuCtxSetCurrent(before)

    def new_stream(self) -> int:
        """Make one."""
        return int(self._do(self._runtime.cudaStreamCreateWithFlags, _NON_BLOCKING)[0])

    def new_event(self, *, sleeping: bool = True) -> object:
        """Make one; its number would be made an event of anew for each call."""
        flags = _UNTIMED | _SLEEPING if sleeping else _UNTIMED
        event: object = self._do(self._runtime.cudaEventCreateWithFlags, flags)[0]
        return event

    def record(self, event: object, stream: int) -> None:
        """Record it."""
        (error,) = self._record(event, stream)
        if error != self._success:
            self._fail(error, "cudaEventRecord")

    def copy(self, target: Target, source: int, nbytes: int, stream: int) -> None:
        """Copy."""
        (error,) = self._copy(target, source, nbytes, self._to_host, stream)
        if error != self._success:
            self._fail(error, "cudaMemcpyAsync")

    def copy_rows(self, target: Target, source: int, pitch: int, width: int, rows: int, stream: int) -> None:
        """Copy."""
        places = target, width, source, pitch
        self._do(self._runtime.cudaMemcpy2DAsync, *places, width, rows, self._to_host, stream)

    def wait(self, event: object) -> None:
        """Wait."""
        self._do(self._runtime.cudaEventSynchronize, event)

    def synchronize(self, stream: int) -> None:
        """Wait."""
        self._do(self._runtime.cudaStreamSynchronize, stream)

    def has_happened(self, event: object) -> bool:
        """Ask."""
        (error,) = self._runtime.cudaEventQuery(event)
        if error not in {self._success, self._not_ready}:
            self._fail(error, "cudaEventQuery")
        return bool(error == self._success)

    def register(self, address: int, nbytes: int) -> None:
        """Register it for all devices."""
        self._do(self._runtime.cudaHostRegister, address, nbytes, _PORTABLE)

    def unregister(self, address: int) -> None:
        """Unregister it."""
        self._do(self._runtime.cudaHostUnregister, address)

    def allocate(self, nbytes: int) -> int:
        """Allocate."""
        return int(self._do(self._runtime.cudaHostAlloc, nbytes, _PORTABLE)[0])

    def _do(self, call: Any, *arguments: object) -> list[Any]:
        values: list[Any]
        error, *values = call(*arguments)
        if error != self._success:
            self._fail(error, call.__name__)
        return values

    def _fail(self, error: Any, name: str) -> NoReturn:
        self._runtime.cudaGetLastError()  # or PyTorch would raise it, too
        raise DeviceError(f"{name}: {self._text(error)}")

    def _text(self, error: Any) -> str:
        _, text = self._runtime.cudaGetErrorString(error)
        return text.decode() if isinstance(text, bytes) else str(text)


def cuda_runtime() -> Runtime:
    """Return CUDA's runtime.

    Raises:
        DeviceError: There are no bindings of it, or they find no driver that goes with them, or no device;
            says what helps.
    """
    try:
        found = Runtime(*_bindings())
    except (ImportError, AttributeError, RuntimeError) as error:  # RuntimeError: it finds no library
        raise DeviceError(f"no bindings of CUDA ({error}): pip install 'hcs-shm[cuda]'") from error
    if reason := found.why_no_device():
        advice = "update its driver, or install the bindings of an older CUDA, such as 'cuda-bindings<13'"
        raise DeviceError(f"the bindings of CUDA find no device ({reason}): {advice}")
    return found


def _bindings() -> tuple[Any, Any]:
    try:
        return import_module("cuda.bindings.runtime"), import_module("cuda.bindings.driver")
    except ImportError:  # in cuda-python before 12.6
        return import_module("cuda.cudart"), import_module("cuda.cuda")
