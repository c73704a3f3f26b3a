"""From a device's memory into a block by one DMA, in order with what the pipeline computes there.

The copy is given to the stream that computes the array. It begins when that has done what it was given before
`start`, and what that is given afterwards waits for the copy's end: a pipeline that overwrites the array at
once neither spoils the image nor is held up, and no stream waits for what another one computes. Who does not
say which stream computes the array is waited for, and what the default stream was given comes before it.
"""

import logging
import os
import threading
import time
from contextlib import suppress

import msgspec

from hcs_protocol import DeviceError

from ._cuda import LEGACY, Cuda, cuda_runtime
from ._device_memory import DeviceMemory
from ._lanes import Events, Lane
from ._pinned import Pinned
from ._platform import at_fork

logger = logging.getLogger(__name__)

SWITCH = "HCS_GPU_PINNED"
"""``0`` registers no memory."""
LOOK_SECONDS = 0.01
SPUN_NBYTES = 64 << 20
"""The largest image for whose end a core is taken: a millisecond, where to sleep takes 40 µs longer."""


class DeviceCopies:
    """Copies from all devices of this process; any thread may call it."""

    def __init__(self, cuda: Cuda, *, pinned: bool | None = None) -> None:
        """Touch no device yet.

        Args:
            cuda: Does it.
            pinned: Whether devices may write into segments by themselves; else ``$HCS_GPU_PINNED``, else yes.
        """
        wanted = os.environ.get(SWITCH) != "0" if pinned is None else pinned
        self._cuda = cuda
        self.device_of, self.is_on, self.on = cuda.device_of, cuda.is_on, cuda.on
        self._pinned = Pinned(cuda, wanted=wanted, is_over=self.is_over)
        self._is_pinned = self._pinned.mappings
        self._lock = threading.Lock()
        self._lanes: dict[int, Lane] = {}
        self._pid = os.getpid()

    def stream_of(self, device: int) -> int:
        """Return a stream of this device on which nobody computes."""
        return (self._lanes.get(device) or self._lane(device)).stream

    def take_stream(self, device: int) -> int:
        """Return one that is nobody else's until it is given back."""
        lane = self._lanes.get(device) or self._lane(device)
        try:
            return lane.streams.pop()
        except IndexError:
            return lane.one_more_stream()

    def give_stream_back(self, device: int, stream: int) -> None:
        """Let others have it."""
        self._lanes[device].streams.append(stream)

    def start(self, memory: DeviceMemory, pixels: memoryview) -> "DeviceCopy | LaterCopy | None":
        """Begin to copy an array into these bytes, or to hold it until then; None if it is there already.

        Raises:
            DeviceError: The device cannot.
        """
        if memory.find is None:
            return self.begin(memory, pixels)
        if id(pixels.obj) in self._is_pinned or self._pinned.has(pixels, memory.device):
            return LaterCopy(self, memory, pixels)
        return self.begin_held(memory, pixels)

    def begin_held(self, memory: DeviceMemory, pixels: memoryview) -> "DeviceCopy | None":
        """Begin to copy an array that is held; None if it is there already. Its stream is others' then.

        Raises:
            DeviceError: The device cannot.
        """
        try:
            found = memory.find(memory, pixels) if memory.find else memory
            return None if found is None else self.begin(found, pixels)
        finally:
            if memory.stream is not None:
                self.give_stream_back(memory.device, memory.stream)

    def begin(self, memory: DeviceMemory, pixels: memoryview) -> "DeviceCopy | None":
        """Begin to copy an array, between what its stream was given so far and what follows.

        Raises:
            DeviceError: The device cannot.
        """
        cuda, device = self._cuda, memory.device
        if not (cuda.is_alone or cuda.is_on(device)):
            with cuda.on(device):
                return self.begin(memory, pixels)
        lane = self._lanes.get(device) or self._lane(device)
        if id(pixels.obj) not in self._is_pinned and not self._pinned.has(pixels, device):
            memory.keep()
            lane.ring.copy(memory, pixels)
            return None
        stream = LEGACY if memory.stream is None else memory.stream
        events = lane.take_events(memory.nbytes > SPUN_NBYTES)
        try:
            if not memory.is_ready:
                cuda.record(events.ready, stream)
            if memory.width:
                memory.copy_by(cuda, pixels, stream)
            else:
                cuda.copy(pixels, memory.pointer, memory.nbytes, stream)
            cuda.record(events.done, stream)
            if memory.hold is not None:
                memory.keep()  # only now: it takes longest
        except BaseException:  # Ctrl-C, too
            with suppress(DeviceError):
                cuda.synchronize(stream)  # or it could write into a block that is lent anew
            lane.begun.discard(events)
            raise
        copy = DeviceCopy(lane, events, memory)
        if memory.stream is None:  # nothing that follows could be made to wait
            copy.wait()
            return None
        return copy

    def finish(self) -> None:
        """Wait until no device writes anything any more."""
        for device, lane in self._own_lanes():
            with suppress(DeviceError), self._cuda.on(device):  # a device that is lost writes nothing
                lane.finish()

    def is_over(self, timeout: float) -> bool:
        """Wait for the same for some seconds; say whether it has come."""
        deadline = time.monotonic() + timeout
        while not all(lane.is_idle() for _, lane in self._own_lanes()):
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def _own_lanes(self) -> list[tuple[int, Lane]]:
        """Return them; none in a forked child, which cannot so much as ask."""
        return list(self._lanes.items()) if os.getpid() == self._pid else []

    def _lane(self, device: int) -> Lane:
        with self._lock:
            if device not in self._lanes:
                self._lanes[device] = Lane(self._cuda, device)
            return self._lanes[device]


class DeviceCopy(msgspec.Struct, eq=False):
    """One copy that a device makes by itself; keeps the array's memory until then."""

    _lane: Lane
    _events: Events
    _memory: DeviceMemory | None
    _lock: threading.Lock = msgspec.field(default_factory=threading.Lock)

    def wait(self) -> None:
        """Wait until the pixels are there; a second time is harmless.

        Raises:
            DeviceError: They never will be.
        """
        with self._lock:
            if self._memory is not None:
                self._lane.wait(self._events)
                self._memory = None
                self._lane.use_again(self._events)  # last: twice, and two copies would share them


class LaterCopy:
    """The copy of an array that nobody can change: it begins when somebody has the time; any thread may."""

    def __init__(self, copies: DeviceCopies, memory: DeviceMemory, pixels: memoryview) -> None:
        self._copies = copies
        self._left: tuple[DeviceMemory, memoryview] | None = (memory, pixels)
        self._copy: DeviceCopy | None = None
        self._error: Exception | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Begin it, if nobody did; `wait` says whether that failed."""
        with self._lock:
            if self._left is None:
                return
            memory, pixels = self._left
            try:
                self._copy = self._copies.begin_held(memory, pixels)
            except Exception as error:  # of the array's library, too: it is whoever waits who has to know
                self._error = error.with_traceback(None)  # or its frames keep the array
            self._left = None  # only now: Ctrl-C may come before, and it begins anew

    def wait(self) -> None:
        """Wait until the pixels are there; a second time is harmless.

        Raises:
            DeviceError: They never will be.
        """
        self.begin()
        if self._error is not None:
            raise self._error
        if self._copy is not None:
            self._copy.wait()


def process_copies() -> DeviceCopies | None:
    """Return what copies from the devices of this process; None, with one warning, if nothing can."""
    if not _process:
        _process.setdefault("copies", _make_copies())  # another thread's, if that was faster
    return _process["copies"]


def _make_copies() -> DeviceCopies | None:
    try:
        return DeviceCopies(cuda_runtime())
    except DeviceError as error:
        consequence = "images go through the library that has them, which takes longer"
        logger.warning("no copies by the device itself reason=%s; %s", error, consequence)
        return None


_process: dict[str, DeviceCopies | None] = {}
at_fork(in_child=_process.clear)  # a forked child cannot go on with its parent's devices
