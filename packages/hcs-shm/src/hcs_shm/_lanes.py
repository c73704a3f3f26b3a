"""What copies from one device have in common: its streams, the events of copies, and which are under way."""

from contextlib import suppress

import msgspec

from hcs_protocol import DeviceError

from ._cuda import Cuda
from ._ring import Ring

MOST_STREAMS = 64
"""For so many arrays that are computed or copied at once; others share them."""


class Events(msgspec.Struct, frozen=True, eq=False):
    """What one copy waits for, and who waits for that copy."""

    ready: object
    """The array is computed: this can take as long as the pipeline computes, its waiters sleep."""
    done: object
    """The pixels are there: of a small image, its waiters spin."""
    sleeping: bool


class Lane:
    """One device's copies."""

    def __init__(self, cuda: Cuda, device: int) -> None:
        self._cuda = cuda
        self._device = device
        with cuda.on(device):
            self.stream = cuda.new_stream()
        self.ring = Ring(cuda, device, self.stream)
        self.streams: list[int] = []
        """Unused ones for arrays that are held: each waits for one array, and a copy for no other."""
        self._made: list[int] = []
        self.unused: dict[bool, list[Events]] = {True: [], False: []}
        self.begun: set[Events] = set()

    def take_events(self, sleeping: bool) -> Events:
        """Return those of a copy that begins; whoever waits for it sleeps, or spins."""
        try:
            events = self.unused[sleeping].pop()
        except IndexError:
            events = Events(self._cuda.new_event(), self._cuda.new_event(sleeping=sleeping), sleeping)
        self.begun.add(events)
        return events

    def one_more_stream(self) -> int:
        """Make a stream; when there are many, return one that somebody has."""
        if len(self._made) >= MOST_STREAMS:
            self._made.append(self._made.pop(0))
        else:
            with self._cuda.on(self._device):
                self._made.append(self._cuda.new_stream())
        return self._made[-1]

    def finish(self) -> None:
        """Wait for all copies so far."""
        for events in list(self.begun):
            self._cuda.wait(events.ready)
            self._cuda.wait(events.done)

    def is_idle(self) -> bool:
        """Say whether all copies so far have ended; those of a device that is lost have."""
        with suppress(DeviceError), self._cuda.on(self._device):
            return all(self._cuda.has_happened(events.done) for events in list(self.begun))
        return True

    def wait(self, events: Events) -> None:
        """Wait for a copy's end."""
        with self._cuda.on(self._device):
            self._cuda.wait(events.ready)
            self._cuda.wait(events.done)

    def use_again(self, events: Events) -> None:
        """Have another copy use the events of one that has ended."""
        self.begun.discard(events)
        self.unused[events.sleeping].append(events)
