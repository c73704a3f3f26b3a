"""One call that finds the caches empty, inside `functools.reduce`: so who counts knows when it begins."""

import sys
from functools import reduce

import hcs_stream

from .bare_headers import Publisher, header
from .operations import MemoryCopy, Operation, SendHeader, SendLent
from .our_worker import LARGE
from .pixels import rotating

SMALL = "256kb"
WARM_UPS = 40
"""The interpreter adapts its code to what it finds in the first calls."""


class Nothing:
    """What reduce itself costs."""

    def prepare(self, number: int) -> None:
        """Do nothing."""

    def run(self, number: int) -> None:
        """Do nothing."""


def main() -> None:
    """Do the operation that is named a few times, and then once more to be counted."""
    name, data_port, bare_port = sys.argv[1], *map(int, sys.argv[2:])
    operation: Operation = Nothing()
    if name == "bare":
        publisher = Publisher(bare_port, None)
        operation = SendHeader(publisher.send, header(SMALL), MemoryCopy(SMALL))
    work = MemoryCopy(LARGE)
    stream = hcs_stream.connect(data_port=data_port, overflow="block")
    if name == "lent":
        operation = SendLent(stream, SMALL, rotating(SMALL))
    for number in range(1, WARM_UPS + 1):
        operation.prepare(number)
        operation.run(number)
        stream.flush()
    operation.prepare(WARM_UPS + 1)
    work.prepare(0)
    work.run(0)  # which leaves nothing in the caches
    reduce(lambda _, number: operation.run(number), [WARM_UPS + 1], None)
    stream.close()


if __name__ == "__main__":
    main()
