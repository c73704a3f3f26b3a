"""Ray: each image is put into the object store, and an actor in a process of its own gets it."""

import sys
import time
from collections import deque
from typing import Any

import ray

from .commands import Answer, serve
from .pixels import SLOTS, Pixels, check, mark, rotating, size_nbytes

ROOM = 3
"""How many times the images under way fit into the store: Ray wants some for itself."""


@ray.remote
class Consumer:
    """Copies out what Ray maps read-only."""

    def take(self, pixels: Pixels, number: int) -> int:
        """Take one image in; returns when that ended."""
        check(pixels.copy(), number)
        return time.monotonic_ns()


class Producer:
    """Puts images and calls the actor with them."""

    def __init__(self, size: str) -> None:
        nbytes = max(ROOM * SLOTS[size] * size_nbytes(size), 128 << 20)
        ray.init(num_cpus=2, include_dashboard=False, object_store_memory=nbytes, log_to_driver=False)
        self._consumer: Any = Consumer.remote()  # type: ignore[attr-defined]  # what the decorator adds
        self._slots = SLOTS[size]
        self._sources = rotating(size)
        self.send(0, 1)  # returns when the actor is there

    def send(self, first: int, count: int) -> Answer:
        """Send so many images, no more under way than there are slots elsewhere."""
        began = time.monotonic_ns()
        under_way: deque[Any] = deque()
        for number in range(first, first + count):
            source = next(self._sources)
            mark(source, number)
            if len(under_way) == self._slots:
                ray.get(under_way.popleft())
            under_way.append(self._consumer.take.remote(ray.put(source), number))
        return {"began": began, "ended": max(ray.get(list(under_way)))}


if __name__ == "__main__":
    serve({"send": Producer(sys.argv[1]).send})
