"""Worker processes: each a pool of its own, so that one that dies takes nobody along and is replaced."""

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext

import psutil

from ._errors import WorkersDoNotStartError
from ._job import Job, WellReport
from ._well import Well
from ._worker import process_well
from ._workers import ExecutorWorkers, Workers

logger = logging.getLogger(__name__)

STARTS = 3
"""How often in a row a worker may end before it is ready."""
GRACE_SECONDS = 3.0
"""For the image that a worker is at, when a run is interrupted."""

Initializer = Callable[..., object] | None


class ProcessWorkers(Workers):
    """As many worker processes as there are wells in hand."""

    def __init__(
        self,
        count: int,
        context: BaseContext | None = None,
        initializer: Initializer = None,
        initargs: Sequence[object] = (),
    ) -> None:
        """Start nothing yet.

        Args:
            count: How many.
            context: Spawn by default: a fork would take threads and sockets along.
            initializer: Called in each process before the first well.
            initargs: Its arguments.
        """
        context = context or multiprocessing.get_context("spawn")
        self._processes = [_Process(context, initializer, tuple(initargs)) for _ in range(count)]

    @property
    def room(self) -> int:
        """One well for each: none is blamed for another's end."""
        return len(self._processes)

    def submit(self, job: Job, well: Well) -> "Future[WellReport]":
        """Hand it to a process that is idle."""
        return next(process for process in self._processes if process.is_idle).submit(job, well)

    def deaths(self, error: BaseException) -> int:
        """Count a process that ended as one; the next well of its place gets another."""
        return int(isinstance(error, BrokenExecutor))

    def end(self) -> None:
        """Wait until they have said goodbye to their viewers, all at the same time."""
        with ThreadPoolExecutor(len(self._processes), thread_name_prefix="hcs-end") as threads:
            for process in self._processes:
                threads.submit(process.shut_down)

    def interrupt(self) -> None:
        """Give them a moment, then terminate them: what they published is safe."""
        impatient = threading.Timer(GRACE_SECONDS, self._terminate)
        impatient.start()
        self.end()
        impatient.cancel()

    def _terminate(self) -> None:
        for process in self._processes:
            with contextlib.suppress(psutil.Error):
                if pid := process.pid:
                    worker = psutil.Process(pid)
                    _terminate_all([worker, *_programs_of(worker)])


class BorrowedPool(ExecutorWorkers):
    """A process pool of somebody else; if it breaks, one of ours that is made like it goes on."""

    def __init__(self, pool: ProcessPoolExecutor, count: int) -> None:
        super().__init__(pool, count, is_ours=False)
        self._pool = pool
        self._number = count

    def mended(self) -> Workers:
        """Return processes of our own: a pool that broke cannot be had again."""
        made = (getattr(self._pool, f"_{name}", None) for name in ("mp_context", "initializer", "initargs"))
        context, initializer, initargs = made
        logger.warning("pool broke, going on with processes of our own workers=%d", self._number)
        return ProcessWorkers(self._number, context, initializer, initargs or ())


class _Process:
    """One place for a worker process, which is started when there is something to do."""

    def __init__(self, context: BaseContext, initializer: Initializer, initargs: tuple[object, ...]) -> None:
        self._context = context
        self._initargs = initializer, initargs
        self._pool: ProcessPoolExecutor | None = None
        self._pid: Future[int] | None = None
        self._work: Future[WellReport] | None = None
        self._failed_starts = 0

    @property
    def is_idle(self) -> bool:
        """Whether it can begin with a well at once."""
        return self._work is None or self._work.done()

    @property
    def pid(self) -> int | None:
        """Of the process, if it is ready."""
        ready = self._pid is not None and self._pid.done() and self._pid.exception() is None
        return self._pid.result() if ready and self._pid else None

    def submit(self, job: Job, well: Well) -> "Future[WellReport]":
        """Begin with a well, in a new process if the last one ended."""
        if self._has_broken():
            self._discard()
        for _ in range(STARTS):
            pool = self._pool or self._start()
            try:
                self._work = pool.submit(process_well, job, well)
            except BrokenExecutor:  # it ended while it was idle
                self._discard()
            else:
                return self._work
        raise WorkersDoNotStartError(_ADVICE)

    def shut_down(self) -> None:
        """Begin nothing more, and wait until the process has ended."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def _start(self) -> ProcessPoolExecutor:
        self._pool = ProcessPoolExecutor(
            1, mp_context=self._context, initializer=_start_worker, initargs=self._initargs
        )
        with _unheard_ctrl_c():
            self._pid = self._pool.submit(os.getpid)
        return self._pool

    def _has_broken(self) -> bool:
        return self._work is not None and isinstance(self._work.exception(), BrokenExecutor)

    def _discard(self) -> None:
        """Leave a pool that broke; give up if too many in a row never came to be ready."""
        self._failed_starts = 0 if self.pid else self._failed_starts + 1
        self.shut_down()
        self._pool = self._pid = self._work = None
        if self._failed_starts >= STARTS:
            raise WorkersDoNotStartError(_ADVICE)


_ADVICE = (
    "wanted worker processes, they end before they are ready; does the script run the pipeline under "
    "'if __name__ == \"__main__\":', and can its imports be imported? executor='threads' needs no processes"
)


@contextlib.contextmanager
def _unheard_ctrl_c() -> Iterator[None]:
    """Start processes that hear nothing of Ctrl-C while they import: it would end them with a traceback."""
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # when it starts, it lets the signals of this thread through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(initializer: Initializer, initargs: tuple[object, ...]) -> None:
    """Leave Ctrl-C to the parent, end when it does, and do what the pool's owner wants."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _leave_to_parent)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, name="hcs-parent", daemon=True).start()
    if initializer:
        initializer(*initargs)


def _leave_to_parent(number: int, frame: object) -> None:
    """Do nothing; programs that a step starts would inherit it if the signal were ignored, not this."""


def _end_with_parent() -> None:
    """A pool's workers wait for ever if their parent is killed; what they published is safe."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        try:
            _terminate_all(_programs_of(psutil.Process()))
        finally:
            os._exit(1)


def _programs_of(worker: psutil.Process) -> list[psutil.Process]:
    """Return what a worker's steps started; what has a session of its own, as a viewer, is to stay."""
    if sys.platform == "win32":
        return []  # there are no sessions, so that nobody could tell
    return [program for program in worker.children(recursive=True) if _session(program) == _session(worker)]


def _session(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:  # it ended meanwhile
        return None


def _terminate_all(processes: Iterable[psutil.Process]) -> None:
    """Terminate the first first: a step whose program is gone must not get to keep what it made of that."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
