"""Who processes wells: any executor, threads or this thread, and what becomes of a pool that broke."""

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future

from ._job import Job, WellReport
from ._threads import Threads
from ._well import Well
from ._worker import process_well

logger = logging.getLogger(__name__)

AHEAD = 2
"""Wells that wait in an executor's own queue, so that no worker does."""


class Workers(ABC):
    """Processes wells, a bounded number at a time."""

    knows_who_died = True
    """Whether a well whose worker died is certainly the one that was being processed."""

    @property
    @abstractmethod
    def room(self) -> int:
        """Wells that may be in hand at once."""

    @abstractmethod
    def submit(self, job: Job, well: Well) -> "Future[WellReport]":
        """Begin with a well as soon as a worker has time."""

    def deaths(self, error: BaseException) -> int:
        """Return how many workers have died on a well, if this error says so; else 0."""
        return 0

    def mended(self) -> "Workers | None":
        """Return workers that go on after one died; None if there are none any more."""
        return self

    @abstractmethod
    def end(self) -> None:
        """Wait until all is done and let the workers go."""

    @abstractmethod
    def interrupt(self) -> None:
        """Let the workers go as soon as may be: somebody waits."""


class ThisThread(Executor):
    """Does everything at once, in the thread that asks for it."""

    def submit(self, fn: Callable[..., object], /, *args: object, **kwargs: object) -> "Future[object]":  # type: ignore[override]  # its generics say no more
        """Return a future that is done."""
        future: Future[object] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class ExecutorWorkers(Workers):
    """The workers of any executor; those of our own end with the run."""

    def __init__(self, executor: Executor, count: int, *, is_ours: bool) -> None:
        self._executor = executor
        self._count = count
        self._is_ours = is_ours

    @property
    def room(self) -> int:
        """One for each worker, and a few."""
        return 1 if isinstance(self._executor, ThisThread) else self._count + AHEAD

    def submit(self, job: Job, well: Well) -> "Future[WellReport]":
        """Hand it to the executor."""
        return self._executor.submit(process_well, job, well)

    def deaths(self, error: BaseException) -> int:
        """Count a pool that broke as one."""
        return int(isinstance(error, BrokenExecutor))

    def end(self) -> None:
        """Shut down what is ours."""
        if self._is_ours:
            self._executor.shutdown()

    def interrupt(self) -> None:
        """Begin nothing more; threads end with the image they are at."""
        if self._is_ours:
            self._executor.shutdown(cancel_futures=True)


class ThreadWorkers(ExecutorWorkers):
    """Threads of this process."""

    def __init__(self, count: int) -> None:
        super().__init__(Threads(count), count, is_ours=True)

    def interrupt(self) -> None:
        """Begin nothing more, and wait: no thread can be ended from without."""
        logger.warning("waiting for the images in hand; Ctrl-C again ends at once")
        super().interrupt()


def this_thread() -> Workers:
    """Return the thread that asks."""
    return ExecutorWorkers(ThisThread(), 1, is_ours=True)


def spare_cores() -> int:
    """Return how many cores there are for workers: all but one, which the viewer has."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, usable - 1)
