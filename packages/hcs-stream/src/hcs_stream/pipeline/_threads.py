"""Threads that process wells, and that nobody waits for who has pressed Ctrl-C twice."""

import contextlib
import queue
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from threading import Thread
from typing import Any, TypeAlias

Task: TypeAlias = tuple["Future[Any]", Callable[[], Any]]


class Threads(Executor):
    """As `ThreadPoolExecutor`, whose threads Python waits for at its end, however long they take."""

    def __init__(self, count: int) -> None:
        """Start so many."""
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._threads = [
            Thread(target=self._work, name=f"hcs-well_{number}", daemon=True) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Call it as soon as a thread has time."""
        future: Future[Any] = Future()
        self._tasks.put((future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # as its base has it
        """End the threads when nothing waits any more; call it once."""
        with contextlib.suppress(queue.Empty):
            while cancel_futures:
                if task := self._tasks.get_nowait():
                    task[0].cancel()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads if wait else ():
            thread.join()

    def _work(self) -> None:
        while task := self._tasks.get():
            future, call = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:
                    future.set_exception(error)
