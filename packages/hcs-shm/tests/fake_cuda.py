"""A CUDA device that computes nothing before it is told to: every order of things can be had."""

import ctypes
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from hcs_protocol import DeviceError, LentBlock
from hcs_shm import ArrayWriter
from hcs_shm._cuda import Target
from hcs_shm._device import DeviceCopies, DeviceCopy

OWN, OTHER = 50, 51
"""Streams of a pipeline."""
Work = Callable[[], bool]
"""Something a stream does; False if it has to wait."""


class FakeCuda:
    """Devices whose memory is NumPy's; streams run when somebody waits, or when `run` is called."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.registered: dict[int, int] = {}
        self.failing: set[str] = set()
        """Names of calls that fail."""
        self.is_alone = False
        self.device = 0
        self.devices: dict[int, int | None] = {}
        """By pointer, where it is not 0; None is the host."""
        self.is_hung = False
        self.may_run = threading.Event()
        self.may_run.set()
        self._streams: dict[tuple[int, int], deque[Work]] = defaultdict(deque)
        self._places: dict[object, int] = {}
        self._recorded: dict[object, int] = defaultdict(int)
        self._happened: dict[object, set[int]] = defaultdict(lambda: {0})
        """Each recording of an event by itself: those on other streams may be faster."""
        self._kept: list[object] = []
        self._running = threading.RLock()

    def launch(self, stream: int, kernel: Callable[[], object]) -> None:
        """Give a stream something to compute."""
        self._give(stream, lambda: kernel() is not False)

    def run(self) -> None:
        """Let all streams do what they can."""
        with self._running:
            while any(self._step(stream) for stream in list(self._streams.values())):
                pass

    def step(self, which: int) -> None:
        """Let one of the streams do one thing, if it can."""
        with self._running:
            streams = list(self._streams.values())
            if streams:
                self._step(streams[which % len(streams)])

    def device_of(self, pointer: int) -> int | None:
        return self.devices.get(pointer, 0)

    def is_on(self, device: int) -> bool:
        return device == self.device

    @contextmanager
    def on(self, device: int) -> Iterator[None]:
        before, self.device = self.device, device
        try:
            yield
        finally:
            self.device = before

    def new_stream(self) -> int:
        return self._new("new_stream")

    def new_event(self, *, sleeping: bool = True) -> int:
        return self._new("new_event" if sleeping else "new_spun_event")

    def record(self, event: object, stream: int) -> None:
        self._call("record")
        assert self._places[event] == self.device, "an event is of one device"
        self._recorded[event] = time = self._recorded[event] + 1
        self._give(stream, lambda: self._happened[event].add(time) is None)

    def copy(self, target: Target, source: int, nbytes: int, stream: int) -> None:
        self._call("copy")
        address = _address(target)
        self._give(stream, lambda: ctypes.memmove(address, source, nbytes) is not None)

    def copy_rows(self, target: Target, source: int, pitch: int, width: int, rows: int, stream: int) -> None:
        self._call("copy_rows")
        assert pitch >= width
        for row in range(rows):
            places = _address(target) + row * width, source + row * pitch, width
            self._give(stream, lambda places=places: ctypes.memmove(*places) is not None)  # type: ignore[misc]

    def wait(self, event: object) -> None:
        self._call("wait")
        assert self.may_run.wait(20)
        self.run()
        assert self._recorded[event] in self._happened[event], "it would never happen"

    def synchronize(self, stream: int) -> None:
        self._call("synchronize")
        self.run()
        assert not self._streams[self._key(stream)], "it would never end"

    def has_happened(self, event: object) -> bool:
        self._call("has_happened")
        if not self.is_hung:
            self.run()
        return self._recorded[event] in self._happened[event]

    def register(self, address: int, nbytes: int) -> None:
        self._call("register")
        assert address not in self.registered
        self.registered[address] = nbytes

    def unregister(self, address: int) -> None:
        self._call("unregister")
        del self.registered[address]

    def allocate(self, nbytes: int) -> int:
        self._call("allocate")
        self._kept.append(np.zeros(nbytes, np.uint8))
        return address_of(self._kept[-1])

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.failing:
            raise DeviceError(f"{name}: the device is lost")

    def _new(self, name: str) -> int:
        self._call(name)
        number = 100 + len(self._places)
        self._places[number] = self.device
        return number

    def _key(self, stream: int) -> tuple[int, int]:
        assert stream, "0 is one of two default streams"
        return self._places.get(stream, self.device), stream

    def _give(self, stream: int, work: Work) -> None:
        self._streams[self._key(stream)].append(work)

    def _step(self, stream: deque[Work]) -> bool:
        if not stream or not stream[0]():
            return False
        stream.popleft()
        return True


def _address(target: Target) -> int:
    if isinstance(target, int):
        return target
    return ctypes.addressof(ctypes.c_char.from_buffer(target))


class OnDevice:
    """An array in a fake device's memory."""

    def __init__(self, array: np.ndarray, stream: int | None = 1, **more: object) -> None:
        self.array = array
        self.stream = stream
        self.more = more
        """What else its interface says."""

    @property
    def __cuda_array_interface__(self) -> dict[str, object]:
        return {**self.array.__array_interface__, "version": 3, "stream": self.stream, **self.more}


def address_of(array: object) -> int:
    """Return where an array begins."""
    assert isinstance(array, np.ndarray)
    address: int = array.__array_interface__["data"][0]
    return address


def of(cuda: FakeCuda, *, pinned: bool | None = None) -> ArrayWriter:
    copies = DeviceCopies(cuda, pinned=pinned)
    return ArrayWriter(lambda: copies)


def plane(value: int = 7, shape: tuple[int, ...] = (64, 48)) -> np.ndarray:
    return (np.arange(np.prod(shape)).reshape(shape) + value).astype(np.uint16)


def start(writer: ArrayWriter, array: OnDevice, block: LentBlock) -> DeviceCopy:
    copy = writer.start(array, block.pixels)
    assert copy is not None
    return copy


def in_block(block: LentBlock) -> np.ndarray:
    return np.frombuffer(block.pixels, np.uint16)
