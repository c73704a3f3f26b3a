"""Looks for viewers and asks each how it is, in threads of its own: nobody waits for a slow one."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

from hcs_protocol import Connection, HcsError, Pong, ViewerStalledError, find_connections, runtime_folders
from hcs_stream._processes import KnownProcess, living_process
from hcs_stream._viewer import Viewer
from hcs_stream._whereabouts import is_gone, is_here, is_kept

from ._condition import Process
from ._instances import Found, Instance, Instances

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
"""From one look at files, processes and clock to the next."""
ASK_SECONDS = 0.5
"""From an answer to the next question."""
ANSWER_SECONDS = 2.0
"""How long an answer may take; a later one says nothing of a viewer that is well."""

Find = Callable[[], Iterable[tuple[Path, Connection]]]
Ping = Callable[[Viewer, float], Pong]


def find_all() -> Iterable[tuple[Path, Connection]]:
    """Return all connection files of this user, those of viewers that are gone too."""
    return find_connections(runtime_folders())


class Watcher:
    """Keeps the list of viewers up to date, from `start` to `stop`."""

    def __init__(
        self,
        instances: Instances,
        tell: Callable[[list[Instance]], None],
        *,
        find: Find = find_all,
        ping: Ping = Viewer.ping,
    ) -> None:
        """Watch on behalf of ``tell``, which is called in the watcher's thread with each new list."""
        self._instances = instances
        self._tell = tell
        self._find = find
        self._ping = ping
        self._askers: dict[str, _Asker] = {}
        self._ending: list[_Asker] = []
        self._wake = threading.Event()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="hcs-manager-watcher", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        self._thread.start()

    def look_now(self) -> None:
        """Look, and ask all viewers, without waiting for the next turn."""
        for asker in list(self._askers.values()):
            asker.ask_now()
        self._wake.set()

    def stop(self, timeout: float = ANSWER_SECONDS + 1.0) -> None:
        """End the threads; a second time is harmless.

        Args:
            timeout: Seconds for all of them; one that waits for an answer ends with it, or with the process.
        """
        self._is_stopping = True
        self._wake.set()
        deadline = time.monotonic() + timeout
        if self._thread.is_alive():
            self._thread.join(timeout)
        for run in list(self._askers):
            self._stop_asking(run)
        for asker in self._ending:
            asker.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while not self._is_stopping:
            try:
                self._turn()
            except Exception:  # the thread's outermost loop
                logger.exception("look failed")
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()

    def _turn(self) -> None:
        self._instances.look([_found(path, connection) for path, connection in self._find()], _process)
        known = {
            connection.viewer_run: Viewer(connection, path) for path, connection in self._instances.known()
        }
        for run in self._askers.keys() - known.keys():
            self._stop_asking(run)
        listed = self._instances.listed()
        over = {instance.key for instance in listed if instance.is_over}
        for run, viewer in known.items():
            if run not in self._askers and run not in over:
                self._askers[run] = _Asker(viewer, self._instances, self._ping, self._wake.set)
            elif run in self._askers and run in over:
                self._stop_asking(run)
        self._tell(listed)

    def _stop_asking(self, run: str) -> None:
        asker = self._askers.pop(run)
        asker.stop()
        self._ending = [each for each in self._ending if each.is_asking] + [asker]


class _Asker:
    """Asks one viewer, again and again."""

    def __init__(
        self, viewer: Viewer, instances: Instances, ping: Ping, answered: Callable[[], None]
    ) -> None:
        self._viewer = viewer
        self._instances = instances
        self._ping = ping
        self._answered = answered
        self._wake = threading.Event()
        self._is_stopping = False
        name = f"hcs-manager-ask-{viewer.connection.data_port}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_asking(self) -> bool:
        return self._thread.is_alive()

    def ask_now(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._is_stopping = True
        self._wake.set()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _run(self) -> None:
        is_first = True
        while not self._is_stopping:
            self._ask()
            if is_first:
                self._answered()
            is_first = False
            self._wake.wait(ASK_SECONDS)
            self._wake.clear()

    def _ask(self) -> None:
        run = self._viewer.connection.viewer_run
        try:
            self._instances.answered(run, self._ping(self._viewer, ANSWER_SECONDS))
        except ViewerStalledError:
            self._instances.failed(run, "")  # how long it was silent is known
        except HcsError as error:
            self._instances.failed(run, str(error))
        except Exception:  # the thread's outermost loop
            logger.exception("question failed port=%d", self._viewer.connection.data_port)


def _found(path: Path, connection: Connection) -> Found:
    process = _process(connection)
    return Found(
        path=path,
        connection=connection,
        process=process,
        rss_nbytes=_rss_nbytes(connection) if process in {Process.RUNS, Process.STOPPED} else None,
    )


def _process(connection: Connection) -> Process:
    if not is_kept(connection.tunnel):
        return Process.GONE
    if not is_here(connection):
        return Process.ELSEWHERE
    if is_gone(connection):
        return Process.GONE
    return Process.STOPPED if KnownProcess.named_by(connection).is_stopped else Process.RUNS


def _rss_nbytes(connection: Connection) -> int | None:
    process = living_process(connection.pid, connection.start_time, connection.start_ticks)
    try:
        return int(process.memory_info().rss) if process else None
    except psutil.Error:
        return None
