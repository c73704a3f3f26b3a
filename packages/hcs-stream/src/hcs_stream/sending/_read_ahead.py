"""Reading in a few threads ahead of who needs it, so that disk and viewer are busy at once."""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Generic, TypeVar

Given = TypeVar("Given")
Read = TypeVar("Read")

THREADS = 4
AHEAD = 8
"""Images in memory at once, at most."""
LOOK_SECONDS = 0.5
"""How often who waits for a file is asked whether it still does."""
CLOSE_SECONDS = 1.0


def read_ahead(
    given: Iterable[Given],
    read: Callable[[Given], Read],
    *,
    threads: int = THREADS,
    ahead: int = AHEAD,
    waits: Callable[[], None] = lambda: None,
) -> Generator[tuple[Given, "Future[Read]"]]:
    """Yield what is given, in order, each with the future of what was read, which is done.

    No more than ``ahead`` are read and not yet yielded. Whoever stops early closes the iterator: what is not
    begun is not read, and what is under way is waited for a second at most, since a disk may hang.

    Args:
        given: What to read.
        read: Reads one.
        threads: How many read at once.
        ahead: How many are read before they are needed.
        waits: Called now and then while one is waited for; what it raises is the end of it.
    """
    readers = _Readers(read, threads)
    waiting: deque[tuple[Given, Future[Read]]] = deque()
    try:
        for one in given:
            waiting.append((one, readers.submit(one)))
            if len(waiting) >= ahead:
                yield _done(waiting.popleft(), waits)
        while waiting:
            yield _done(waiting.popleft(), waits)
    finally:
        for _, future in waiting:
            future.cancel()
        readers.close()


def _done(entry: tuple[Given, "Future[Read]"], waits: Callable[[], None]) -> tuple[Given, "Future[Read]"]:
    while not wait([entry[1]], LOOK_SECONDS).done:
        waits()
    return entry


class _Readers(Generic[Given, Read]):
    """Threads that keep no process from ending, unlike those of `concurrent.futures`."""

    def __init__(self, read: Callable[[Given], Read], threads: int) -> None:
        self._read = read
        self._most = threads
        self._threads: list[threading.Thread] = []
        self._wanted: SimpleQueue[tuple[Given, Future[Read]] | None] = SimpleQueue()

    def submit(self, one: Given) -> "Future[Read]":
        future: Future[Read] = Future()
        self._wanted.put((one, future))
        if len(self._threads) < self._most:
            thread = threading.Thread(target=self._run, name="hcs-read", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def close(self) -> None:
        for _ in self._threads:
            self._wanted.put(None)
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while self._read_next():
            pass

    def _read_next(self) -> bool:
        """Read one and keep nothing of it; say whether there may be more."""
        if (taken := self._wanted.get()) is None:
            return False
        one, future = taken
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(self._read(one))
            except BaseException as error:  # whoever waits is told all of them
                future.set_exception(error)
        return True
