"""The base: what copying an image in private memory costs, source and destination rotating."""

import sys
import time

import numpy as np

from .commands import Answer, serve
from .pixels import check, mark, rotating


class Copier:
    """Copies images from one rotating set to another."""

    def __init__(self, size: str) -> None:
        self._sources, self._targets = rotating(size), rotating(size)

    def send(self, first: int, count: int) -> Answer:
        """Copy so many images and check each copy."""
        began = time.monotonic_ns()
        for number in range(first, first + count):
            source, target = next(self._sources), next(self._targets)
            mark(source, number)
            np.copyto(target, source)
            check(target, number)
        return {"began": began, "ended": time.monotonic_ns()}


if __name__ == "__main__":
    serve({"send": Copier(sys.argv[1]).send})
