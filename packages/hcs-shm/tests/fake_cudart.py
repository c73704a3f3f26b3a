"""CUDA's runtime in ordinary memory: its streams are threads, and it is as strict as the real one.

`install` puts it where ``cuda.bindings`` would be, and a little of CuPy, so that a program sends from devices
that copy by themselves, whenever they get to it. Pointers, events and streams are numbers.
"""

import ctypes
import queue
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

DEVICES = 2
LEGACY = 1

Work = Callable[[], object]


class Error(IntEnum):
    cudaSuccess = 0  # noqa: N815  # all of these as CUDA calls them
    cudaErrorInvalidValue = 1  # noqa: N815
    cudaErrorMemoryAllocation = 2  # noqa: N815
    cudaErrorInvalidDevice = 101  # noqa: N815
    cudaErrorInvalidResourceHandle = 400  # noqa: N815
    cudaErrorNotReady = 600  # noqa: N815
    cudaErrorHostMemoryAlreadyRegistered = 712  # noqa: N815
    cudaErrorHostMemoryNotRegistered = 713  # noqa: N815
    cudaErrorLaunchFailure = 719  # noqa: N815


class Kind(IntEnum):
    cudaMemcpyDeviceToHost = 2  # noqa: N815


class CudaError(Exception):
    """An error of CUDA."""


class Stream:
    """What a device does, one thing after the other, in a thread."""

    def __init__(self, device: int) -> None:
        self.device = device
        self.given = self.done = 0
        self._work: queue.SimpleQueue[Work] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def give(self, work: Work) -> None:
        self.given += 1
        self._work.put(work)

    def _run(self) -> None:
        while True:
            work = self._work.get()
            may_run.wait()
            if not lost:
                work()
            with changed:
                self.done += 1
                changed.notify_all()


class Event:
    def __init__(self, device: int) -> None:
        self.device = device
        self.recorded = 0
        self._happened = {0}
        """Each recording by itself: those on other streams may be faster."""

    def happen(self, time: int) -> None:
        with changed:
            self._happened.add(time)
            changed.notify_all()

    def has_happened(self, time: int) -> bool:
        return time in self._happened


changed = threading.Condition()
may_run = threading.Event()
may_run.set()
lost: list[bool] = []
"""Not empty: the devices are lost."""
failing: dict[str, int] = {}
"""By the name of a call, how often it fails from now on."""
contexts: set[int] = set()
"""Devices that somebody used."""
pinned: dict[int, int] = {}
memory: dict[int, tuple[int, int]] = {}
"""By address, size and device."""
calls: list[str] = []
_streams: dict[int, Stream] = {}
_default: dict[int, Stream] = {}
_events: dict[int, Event] = {}
_numbers = iter(range(1000, sys.maxsize))
_kept: list[Any] = []


class _OfThread(threading.local):
    device = 0
    context = 0
    streams: dict[int, int] | None = None


_mine = _OfThread()


def lose() -> None:
    """Lose all devices in the midst of whatever they do."""
    lost.append(True)
    may_run.set()
    with changed:
        changed.notify_all()


def _device() -> int:
    """Return the thread's device, and begin to use it."""
    if not _mine.context:
        _mine.context = _mine.device + 1
    contexts.add(_mine.context - 1)
    return _mine.context - 1


def _number(*values: object) -> None:
    if any(type(value) is not int or not 0 <= value < 1 << 64 for value in values):
        raise TypeError(f"wanted numbers of 64 bits, got {values!r}")


def _stream(number: int) -> Stream:
    _number(number)
    if number == LEGACY:
        if _device() not in _default:
            _default[_device()] = Stream(_device())
        return _default[_device()]
    if number not in _streams:
        raise CudaError(Error.cudaErrorInvalidResourceHandle)
    return _streams[number]


def _event(number: int) -> Event:
    _number(number)
    if number not in _events:
        raise CudaError(Error.cudaErrorInvalidResourceHandle)
    return _events[number]


def _has(places: dict[int, Any], address: int, nbytes: int, size: Callable[[Any], int]) -> int | None:
    for begin, it in list(places.items()):
        if begin <= address and address + nbytes <= begin + size(it):
            return begin
    return None


def _await(is_so: Callable[[], bool]) -> None:
    with changed:
        changed.wait_for(lambda: is_so() or lost)
    if lost:
        raise CudaError(Error.cudaErrorLaunchFailure)


def launch(kernel: Work, stream: int | None = None) -> None:
    """Give a stream something to compute; the thread's current one of its device, unless it is named."""
    _stream(current_stream() if stream is None else stream).give(kernel)


def current_stream() -> int:
    return (_mine.streams or {}).get(Runtime().cudaGetDevice(), LEGACY)


@contextmanager
def on_stream(number: int) -> Iterator[None]:
    """Have the thread's device compute there meanwhile."""
    before, _mine.streams = _mine.streams, {**(_mine.streams or {}), _device(): number}
    yield
    _mine.streams = before


class Runtime:
    """What ``cuda.bindings.runtime`` has of it; each call returns an error and what it found."""

    def cudaGetDeviceCount(self) -> object:  # noqa: N802
        return DEVICES

    def cudaGetDevice(self) -> int:  # noqa: N802
        return _mine.context - 1 if _mine.context else _mine.device

    def cudaSetDevice(self, device: int) -> object:  # noqa: N802
        _number(device)
        if device >= DEVICES:
            raise CudaError(Error.cudaErrorInvalidDevice)
        _mine.device, _mine.context = device, device + 1
        _device()
        return None

    def cudaPointerGetAttributes(self, pointer: int) -> object:  # noqa: N802
        _number(pointer)
        begin = _has(memory, pointer, 1, lambda it: it[0])
        return (
            SimpleNamespace(type=0, device=-2)
            if begin is None
            else SimpleNamespace(type=2, device=memory[begin][1])
        )

    def cudaStreamCreateWithFlags(self, flags: int) -> object:  # noqa: N802
        assert flags == 1
        number = next(_numbers)
        _streams[number] = Stream(_device())
        return number

    def cudaEventCreateWithFlags(self, flags: int) -> object:  # noqa: N802
        assert flags in {2, 3}
        number = next(_numbers)
        _events[number] = Event(_device())
        return number

    def cudaEventRecord(self, event: int, stream: int) -> object:  # noqa: N802
        one, where = _event(event), _stream(stream)
        if one.device != where.device:
            raise CudaError(Error.cudaErrorInvalidResourceHandle)
        one.recorded += 1
        time = one.recorded
        where.give(lambda: one.happen(time))
        return None

    def cudaMemcpyAsync(  # noqa: N802
        self, target: int | memoryview, source: int, nbytes: int, kind: Kind, stream: int
    ) -> object:
        return self.cudaMemcpy2DAsync(target, nbytes, source, nbytes, nbytes, 1, kind, stream)

    def cudaMemcpy2DAsync(  # noqa: N802
        self,
        target: int | memoryview,
        dpitch: int,
        source: int,
        spitch: int,
        width: int,
        rows: int,
        kind: Kind,
        stream: int,
    ) -> object:
        if isinstance(target, memoryview):
            target = ctypes.addressof(ctypes.c_char.from_buffer(target))
        _number(target, dpitch, source, spitch, width, rows)
        where = _stream(stream)
        end = (rows - 1) * spitch + width
        if kind is not Kind.cudaMemcpyDeviceToHost or not 0 < width <= min(dpitch, spitch):
            raise CudaError(Error.cudaErrorInvalidValue)
        if _has(memory, source, end, lambda it: it[0]) is None:
            raise CudaError(Error.cudaErrorInvalidValue)

        def copy() -> None:
            for row in range(rows):
                ctypes.memmove(target + row * dpitch, source + row * spitch, width)

        where.give(copy)
        if (
            _has(pinned, target, dpitch * (rows - 1) + width, int) is None
        ):  # from there the driver itself waits
            given = where.given
            _await(lambda: where.done >= given)
        return None

    def cudaEventSynchronize(self, event: int) -> object:  # noqa: N802
        _device()
        one = _event(event)
        time = one.recorded
        _await(lambda: one.has_happened(time))
        return None

    def cudaStreamSynchronize(self, stream: int) -> object:  # noqa: N802
        where = _stream(stream)
        given = where.given
        _await(lambda: where.done >= given)
        return None

    def cudaEventQuery(self, event: int) -> object:  # noqa: N802
        one = _event(event)
        if not one.has_happened(one.recorded):
            raise CudaError(Error.cudaErrorNotReady)
        return None

    def cudaHostRegister(self, address: int, nbytes: int, flags: int) -> object:  # noqa: N802
        _number(address, nbytes)
        _device()
        assert flags == 1
        if any(begin < address + nbytes and address < begin + size for begin, size in pinned.items()):
            raise CudaError(Error.cudaErrorHostMemoryAlreadyRegistered)
        ctypes.string_at(address, 1), ctypes.string_at(address + nbytes - 1, 1)  # it is mapped
        pinned[address] = nbytes
        return None

    def cudaHostUnregister(self, address: int) -> object:  # noqa: N802
        _device()
        if pinned.pop(address, None) is None:
            raise CudaError(Error.cudaErrorHostMemoryNotRegistered)
        return None

    def cudaHostAlloc(self, nbytes: int, flags: int) -> object:  # noqa: N802
        _number(nbytes)
        _device()
        assert flags == 1
        _kept.append(room := np.zeros(nbytes, np.uint8))
        pinned[room.ctypes.data] = nbytes
        return room.ctypes.data

    def cudaFreeHost(self, address: int) -> object:  # noqa: N802
        return self.cudaHostUnregister(address)

    def cudaGetDeviceProperties(self, device: int) -> object:  # noqa: N802
        return SimpleNamespace(name=b"a device that is none\0")


def _as_bindings(name: str) -> Callable[..., tuple[Any, ...]]:
    def call(*arguments: Any) -> tuple[Any, ...]:
        calls.append(name)
        try:
            if lost:
                raise CudaError(Error.cudaErrorLaunchFailure)
            if failing.get(name, 0):
                failing[name] -= 1
                raise CudaError(Error.cudaErrorMemoryAllocation)
            found = getattr(Runtime(), name)(*arguments)
        except CudaError as refusal:
            return (refusal.args[0], None)[: 2 if name.startswith("cudaGet") else 1]
        return (Error.cudaSuccess,) if found is None else (Error.cudaSuccess, found)

    call.__name__ = name
    return call


class Array:
    """Like an array of CuPy."""

    def __init__(self, host: np.ndarray, device: int, base: "Array | None" = None) -> None:
        self.host, self.device, self._base = host, device, base
        self.shape, self.dtype, self.nbytes = host.shape, host.dtype, host.nbytes
        self.data = SimpleNamespace(ptr=host.ctypes.data, device_id=device)
        self.flags = SimpleNamespace(c_contiguous=host.flags.c_contiguous)
        if base is None:
            memory[host.ctypes.data] = host.nbytes, device
            weakref.finalize(self, _free, host).atexit = False

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self.host.__array_interface__, "version": 3, "stream": current_stream()}

    @property
    def T(self) -> "Array":  # noqa: N802
        return Array(self.host.T, self.device, self)

    def __getitem__(self, place: Any) -> "Array":
        return Array(self.host[place], self.device, self)

    def fill(self, value: int) -> None:
        launch(lambda: self.host.fill(value))


def _free(host: np.ndarray) -> None:
    memory.pop(host.ctypes.data, None)
    host.fill(0)  # who still reads it reads nothing


def asarray(array: Any) -> Array:
    return array if isinstance(array, Array) else Array(np.array(array), _device())


def ascontiguousarray(array: Array) -> Array:
    packed = Array(np.empty(array.shape, array.dtype), _device())
    launch(lambda: np.copyto(packed.host, array.host))
    return packed


def asnumpy(array: Array) -> np.ndarray:
    fetched = np.empty(array.shape, array.dtype)
    launch(lambda: np.copyto(fetched, array.host))
    Runtime().cudaStreamSynchronize(current_stream())
    return fetched


def install() -> None:
    """Be CUDA's bindings, and CuPy, in this process."""
    runtime, driver, cupy = (
        ModuleType(name) for name in ("cuda.bindings.runtime", "cuda.bindings.driver", "cupy")
    )
    for name in [name for name in vars(Runtime) if name.startswith("cuda")]:
        setattr(runtime, name, _as_bindings(name))
    runtime.cudaError_t, runtime.cudaMemcpyKind = Error, Kind  # type: ignore[attr-defined]
    runtime.cudaGetLastError = lambda: (Error.cudaSuccess,)  # type: ignore[attr-defined]
    runtime.cudaGetErrorString = lambda error: (Error.cudaSuccess, error.name.encode())  # type: ignore[attr-defined]
    driver.cuCtxGetCurrent = lambda: (0, _mine.context)  # type: ignore[attr-defined]
    driver.cuCtxSetCurrent = _set_context  # type: ignore[attr-defined]
    cupy.ndarray = Array  # type: ignore[attr-defined]
    cupy.cuda = SimpleNamespace(  # type: ignore[attr-defined]
        get_current_stream=lambda: SimpleNamespace(ptr=0 if current_stream() == LEGACY else current_stream())
    )
    cupy.asarray, cupy.ascontiguousarray, cupy.asnumpy = asarray, ascontiguousarray, asnumpy  # type: ignore[attr-defined]
    found = {"cuda": ModuleType("cuda"), "cuda.bindings": ModuleType("cuda.bindings"), "cupy": cupy}
    sys.modules.update(found, **{"cuda.bindings.runtime": runtime, "cuda.bindings.driver": driver})


def _set_context(context: int) -> tuple[int]:
    _number(context)
    _mine.context = context
    if context:
        _mine.device = context - 1
    return (0,)
