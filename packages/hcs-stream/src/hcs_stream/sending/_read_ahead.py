"""Reading in a few threads ahead of who needs it, so that disk and viewer are busy at once."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Read = TypeVar("Read")

THREADS = 4
AHEAD = 8
"""Images in memory at once, at most."""


def read_ahead(
    given: Iterable[Given], read: Callable[[Given], Read], *, threads: int = THREADS, ahead: int = AHEAD
) -> Generator[tuple[Given, "Future[Read]"]]:
    """Yield what is given, in order, each with the future of what was read, which is done.

    No more than ``ahead`` are read and not yet yielded. Whoever stops early closes the iterator: what is not
    begun is not read.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="hcs-read")
    waiting: deque[tuple[Given, Future[Read]]] = deque()
    try:
        for one in given:
            waiting.append((one, pool.submit(read, one)))
            if len(waiting) >= ahead:
                yield _done(waiting.popleft())
        while waiting:
            yield _done(waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _done(entry: tuple[Given, "Future[Read]"]) -> tuple[Given, "Future[Read]"]:
    entry[1].exception()
    return entry
