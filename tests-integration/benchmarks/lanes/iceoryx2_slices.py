"""iceoryx2: publish and subscribe, with loaned slices; each end waits for the other's events, as ours do."""

import time
from ctypes import c_uint8
from typing import Any

import iceoryx2
import numpy as np
import numpy.typing as npt

from .commands import Answer, serve_as
from .pixels import SLOTS, check, mark, rotating, size_nbytes

PATIENCE = iceoryx2.Duration.from_millis(5)


class End:
    """What producer and consumer have in common: a service of `SLOTS` samples, and two of events."""

    def __init__(self, name: str, size: str) -> None:
        iceoryx2.set_log_level(iceoryx2.LogLevel.Error)
        self._node = iceoryx2.NodeBuilder.new().create(iceoryx2.ServiceType.Ipc)
        self._slots = SLOTS[size]
        self._nbytes = size_nbytes(size)
        self._kind = c_uint8 * self._nbytes
        builder = self._node.service_builder(iceoryx2.ServiceName.new(name))
        builder = builder.publish_subscribe(iceoryx2.Slice[c_uint8]).max_publishers(1).max_subscribers(1)
        builder = builder.history_size(0).subscriber_max_borrowed_samples(1).enable_safe_overflow(False)
        self._service = builder.subscriber_max_buffer_size(self._slots).open_or_create()
        self._sent, self._freed = self._events(f"{name} sent"), self._events(f"{name} freed")

    def _events(self, name: str) -> Any:
        return self._node.service_builder(iceoryx2.ServiceName.new(name)).event().open_or_create()

    def _view(self, sample: Any) -> npt.NDArray[np.uint16]:
        """Return a sample's pixels, writable if the sample is."""
        return np.frombuffer(self._kind.from_address(sample.payload_ptr), np.uint16)


class Producer(End):
    """Loans, fills, sends; waits when all samples are out."""

    def __init__(self, name: str, size: str) -> None:
        super().__init__(name, size)
        self._sources = rotating(size)
        builder = self._service.publisher_builder().initial_max_slice_len(self._nbytes)
        self._publisher = builder.max_loaned_samples(1).override_sample_preallocation(self._slots).create()
        self._notifier = self._sent.notifier_builder().create()
        self._listener = self._freed.listener_builder().create()

    def send(self, first: int, count: int) -> Answer:
        """Send so many images."""
        began = time.monotonic_ns()
        for number in range(first, first + count):
            source = next(self._sources)
            mark(source, number)
            sample = self._loan()
            np.copyto(self._view(sample), source.reshape(-1))
            sample.assume_init().send()
            self.say_so()
        return {"began": began}

    def say_so(self) -> None:
        """Wake the consumer."""
        self._notifier.notify()

    def wait(self) -> None:
        """Wait until the consumer let a sample go."""
        self._listener.timed_wait(PATIENCE)

    def _loan(self) -> Any:
        while True:
            try:
                return self._publisher.loan_slice_uninit(self._nbytes)
            except iceoryx2.LoanError:
                self.wait()


class Consumer(End):
    """Receives, copies out, lets go; waits when there is nothing."""

    def __init__(self, name: str, size: str) -> None:
        super().__init__(name, size)
        self._subscriber = self._service.subscriber_builder().create()
        self._notifier = self._freed.notifier_builder().create()
        self._listener = self._sent.listener_builder().create()

    def take(self, first: int, count: int) -> Answer:
        """Take so many images in."""
        for number in range(first, first + count):
            while (sample := self._subscriber.receive()) is None:
                self.wait()
            copied = self._view(sample).copy()
            sample.delete()
            self.say_so()
            check(copied, number)
        return {"ended": time.monotonic_ns()}

    def say_so(self) -> None:
        """Wake the producer."""
        self._notifier.notify()

    def wait(self) -> None:
        """Wait until the producer sent something."""
        self._listener.timed_wait(PATIENCE)


if __name__ == "__main__":
    serve_as(Producer, Consumer)
