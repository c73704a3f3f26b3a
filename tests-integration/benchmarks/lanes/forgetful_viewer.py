"""A viewer that keeps nothing: its receiver gives each block back at once, and nobody looks at the pixels."""

import sys
from itertools import count
from typing import Any

from hcs_shm import BlockReader

from .our_viewer import Checker, TimedReader, run, store


class Counter(Checker):
    """Counts images without a look at them."""

    def check(self, entry: Any, store: Any) -> None:
        """Do nothing."""


def main() -> None:
    """Run a viewer on this port, secured or open."""
    numbers = count(1)
    forgetful = store.Store()
    forgetful.keep = lambda *_: next(numbers)
    reader = TimedReader(BlockReader())
    run(reader, Counter(reader), *sys.argv[1:], store=forgetful)


if __name__ == "__main__":
    main()
