"""One thread of a worker: publishes images in all the ways there are, and writes down each."""

import faulthandler
import random
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

import hcs_stream
from hcs_protocol import ViewerStalledError, ViewerStartError

from ._images import SHAPES, Address, Name, Pixels, address, draw
from ._ledger import Ledger
from ._orders import Load, Status, WorkerOrders

BATCH = 12
NO_VIEWER = [sys.executable, "-c", ""]
"""The harness alone starts viewers."""


class Sender:
    """Publishes images of one worker, one call after another."""

    def __init__(self, stream: hcs_stream.Stream, ledger: Ledger, orders: WorkerOrders, seed: int) -> None:
        self.is_in_call = False
        """Whether Ctrl-C would interrupt a call now."""
        self.interrupted = 0
        self._stream = stream
        self._ledger = ledger
        self._worker = orders.worker
        self._left = orders.load.images
        self._random = random.Random(seed)
        self._canvas = np.empty((BATCH, orders.load.largest // 2), np.uint16)
        """Drawn over as soon as a call has returned: whoever still looks at it sees another image."""
        if orders.load.evenly:
            self._canvas.fill(0)  # all its memory now, none later
        self._shapes = _shapes(orders.load)

    @property
    def is_done(self) -> bool:
        """Whether it has published as many as it was to."""
        return self._left == 0

    def publish_some(self) -> None:
        """Publish one image, or a few together, and write down which."""
        publish = self._random.choices((self._copy, self._compute, self._batch), (5, 3, 2))[0]
        count = self._random.randint(2, BATCH) if publish == self._batch else 1
        if self._left is not None:
            count = min(count, self._left)
            self._left -= count
        numbers = self._ledger.begin(count)
        try:
            publish(numbers)
            self._ledger.published(numbers)
        except KeyboardInterrupt:
            self._ledger.doubtful(numbers)
            self.interrupted += 1
        finally:
            self.is_in_call = False

    def _copy(self, numbers: list[int]) -> None:
        pixels, where = self._drawn(numbers[0], 0)
        self._call(lambda: self._stream.send(pixels, **where))

    def _compute(self, numbers: list[int]) -> None:
        self.is_in_call = True
        pixels = self._stream.lend(self._shape(), "uint16")
        self.is_in_call = False
        name = Name(self._worker, numbers[0])
        draw(pixels, name)
        self._call(lambda: self._stream.send(pixels, **address(name, pixels.shape)))

    def _batch(self, numbers: list[int]) -> None:
        images = [self._drawn(number, place) for place, number in enumerate(numbers)]
        self._call(lambda: self._stream.send_batch(images))

    def _call(self, call: Callable[[], None]) -> None:
        self.is_in_call = True
        call()
        self.is_in_call = False

    def _drawn(self, number: int, place: int) -> tuple[Pixels, Address]:
        shape, name = self._shape(), Name(self._worker, number)
        pixels = self._canvas[place, : shape[0] * shape[1]].reshape(shape)
        draw(pixels, name)
        return pixels, address(name, shape)

    def _shape(self) -> tuple[int, int]:
        return self._random.choices(list(self._shapes), list(self._shapes.values()))[0]


def _shapes(load: Load) -> dict[tuple[int, int], float]:
    if load.shape is not None:
        return {load.shape: 1.0}
    return {
        shape: 1.0 if load.evenly else often
        for shape, often in SHAPES.items()
        if 2 * np.prod(shape) <= load.largest
    }


def open_ledger(orders: WorkerOrders) -> Ledger:
    """Begin the log of a worker."""
    return Ledger(Path(orders.folder, f"{orders.worker}.ledger"))


def connect(orders: WorkerOrders) -> hcs_stream.Stream:
    """Return a stream to the viewers of this trial; one that was just killed is replaced soon."""
    ports = orders.ports if len(orders.ports) > 1 else orders.ports[0]
    deadline = time.monotonic() + orders.patience
    while True:
        try:
            if orders.host != "localhost":
                return hcs_stream.connect(data_port=ports, host=orders.host, overflow=orders.overflow)
            return hcs_stream.connect(data_port=ports, overflow=orders.overflow, viewer_command=NO_VIEWER)
        except (ViewerStalledError, ViewerStartError):
            if time.monotonic() > deadline:
                raise


def status_of(stream: hcs_stream.Stream, ledger: Ledger, senders: list[Sender]) -> Status:
    """Return how a worker is."""
    counters = stream.counters
    return Status(
        published=ledger.count,
        owed=counters.queued + counters.in_flight,
        in_flight=counters.in_flight,
        interrupted=sum(sender.interrupted for sender in senders),
        resent=counters.resent,
        spilled=counters.spilled,
    )


def end(stream: hcs_stream.Stream, ledger: Ledger, patience: float) -> None:
    """Wait until everything is adopted, write down what is not, and close."""
    left = 0
    try:
        stream.flush(patience)
    except ViewerStalledError:
        left = max(1, stream.counters.queued + stream.counters.in_flight)
        faulthandler.dump_traceback()
    ledger.dropped(stream.counters.dropped)
    stream.close(0.0 if left else patience)
    ledger.ended(left)


def publish_until(
    done: threading.Event,
    gate: AbstractContextManager[object],
    sender: Sender,
    stream: hcs_stream.Stream,
    load: Load,
) -> None:
    """Publish without a pause while the viewers keep up, else slowly; each call inside the gate."""
    while not done.is_set() and not sender.is_done:
        with gate:
            sender.publish_some()
        counters = stream.counters
        if counters.queued + counters.in_flight > load.window:
            done.wait(load.pause)
    done.wait()
