"""`multiprocessing.Queue`: pickled through a pipe."""

import multiprocessing
import sys
import time
from multiprocessing.queues import Queue
from typing import TypeAlias

from .commands import Answer, serve
from .pixels import SLOTS, Pixels, check, mark, rotating

Images: TypeAlias = "Queue[tuple[int, Pixels]]"
Ends: TypeAlias = "Queue[tuple[int, int]]"


class Producer:
    """Puts images into the queue of a process that it started."""

    def __init__(self, size: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._images: Images = spawn.Queue(SLOTS[size])
        self._ends: Ends = spawn.Queue()
        self._sources = rotating(size, at_least=2 * SLOTS[size])
        spawn.Process(target=consume, args=(self._images, self._ends), daemon=True).start()
        self.send(0, 1)  # returns when the process is there

    def send(self, first: int, count: int) -> Answer:
        """Send so many images."""
        began = time.monotonic_ns()
        for number in range(first, first + count):
            source = next(self._sources)
            mark(source, number)
            self._images.put((number, source))
        while (end := self._ends.get())[0] < first + count - 1:
            pass
        return {"began": began, "ended": end[1]}


def consume(images: Images, ends: Ends) -> None:
    """Take images in; unpickling has copied them."""
    while True:
        number, pixels = images.get()
        check(pixels, number)
        ends.put((number, time.monotonic_ns()))


if __name__ == "__main__":
    serve({"send": Producer(sys.argv[1]).send})
