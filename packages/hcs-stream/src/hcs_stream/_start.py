"""One process's wish for a viewer on a port: it is found, awaited, or started here.

Of all processes of this user that want a viewer on one port, one starts it. It leaves a note, by which the
others wait for that viewer instead of starting another, and learn why it failed. If the one that started it
is killed and its viewer gone, the next one takes over.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from hcs_protocol import (
    PROTOCOL_VERSION,
    Connection,
    ConnectionFileError,
    HcsError,
    ViewerStalledError,
    ViewerStartError,
    new_id,
    private_folder,
    runtime_folders,
)
from hcs_protocol.ssh import is_ssh

from ._launch import BACKGROUND_SECONDS, Launch, Order, launch
from ._parents import hold, make_pipe
from ._processes import KnownProcess
from ._start_lock import start_lock
from ._start_notes import StartNote, read_note, remove_note, write_note
from ._tunnels import expect_viewer, is_known_to_be_missing
from ._viewer import Viewer
from ._viewers import find_viewer
from ._whereabouts import host_of, is_here, machine_name, needs_proof

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.02
PATIENT_LOOK_SECONDS = 0.1
"""Between looks at what another process starts: the processor is busy enough with that."""
NEWS_SECONDS = 1.0
"""How long the process that started a viewer may need to say why that ended."""


class Start:
    """This process's wish for a viewer on a port; to be asked again and again until that is there."""

    def __init__(self, order: Order, clock: Callable[[], float] = time.monotonic) -> None:
        self.order = order
        self._clock = clock
        self._folder = _folder()
        self._lock = threading.Lock()
        self._launch: Launch | None = None
        self._note: StartNote | None = None
        """On the launch, or on the other process's that is waited for."""
        self._silent_since: float | None = None
        self._failure: ViewerStartError | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether a viewer that this process started is there or may still come."""
        return self._launch is not None and self._launch.may_succeed

    @property
    def is_begun(self) -> bool:
        """Whether this process started a viewer, or waits for one that another started."""
        return self._launch is not None or self._note is not None

    @property
    def is_over(self) -> bool:
        """Whether the viewer that this process started will not come."""
        return self._failure is not None or (self._launch is not None and not self._launch.may_succeed)

    @property
    def look_seconds(self) -> float:
        """How long to wait before the next look."""
        return LOOK_SECONDS if self._launch else PATIENT_LOOK_SECONDS

    def look(self) -> Viewer | None:
        """Return the viewer if there is one; else see to it that one comes. Does not wait.

        Raises:
            ViewerNotInstalledError: There is no viewer to start.
            ViewerStartError: The one that was started has ended, or cannot be used.
        """
        with self._lock:
            if self._failure:
                raise self._failure
            viewer = find_viewer(self.order.data_port, host=self.order.host) or self._see_to_it()
            if viewer is not None:
                check_version(viewer)
                self._join(viewer.path.parent, viewer.connection.requested_port)
            return viewer

    def done(self) -> None:
        """Take the note away: the viewer has a connection file, or is not wanted any more."""
        if self._launch and self._note:
            remove_note(self._folder, self.order.place, self._note.id)

    def stop(self) -> None:
        """End a viewer that was started here and has no connection file yet; a second time is harmless."""
        if self._launch:
            self._launch.stop()
            self.done()

    def failure(self, timeout: float) -> HcsError:
        """Return why no viewer is ready after so many seconds."""
        port, folders = self.order.data_port, ", ".join(map(str, runtime_folders()))
        if viewer := find_viewer(port, host=self.order.host):
            return not_ready(viewer, timeout)
        if self._launch:
            where = f"none of {folders} has its connection file; if it runs elsewhere, copy that to here"
            if is_ssh(self.order.host):
                where = f"there, 'hcs-viewer connection {port}' does not find it: is it the same user's?"
            return ViewerStartError(f"{self._launch.failure()}\n({where})")
        if self._note:
            who = f"process {self._note.starter.pid} started one, process {self._note.viewer.pid}"
            return ViewerStartError(
                f"the viewer for port {port} is not ready within {timeout:g} s: {who}; {self._note.log}"
            )
        return ViewerStartError(
            f"another process has had start-{self.order.place}.lock in {self._folder} for {timeout:g} s"
        )

    def _see_to_it(self) -> Viewer | None:
        if self._launch is None:
            if not is_known_to_be_missing(self.order.host, self.order.data_port):
                return None  # it may run there, and be found as soon as the tunnel is open
            with start_lock(self._folder, self.order.place) as lock:
                return self._take_turn(lock.descriptor) if lock.is_held else None
        if self._launch.may_succeed:
            self._tell_that_it_is_left_behind(self._launch)
        elif viewer := find_viewer(self.order.data_port, host=self.order.host):  # just before it ended
            return viewer
        else:
            self._failure = self._launch.failure()
            self._tell(failure=str(self._failure))
            raise self._failure
        return None

    def _take_turn(self, lock: int | None) -> Viewer | None:
        """Start a viewer, unless one came meanwhile or another process has one under way."""
        if viewer := find_viewer(self.order.data_port, host=self.order.host):
            return viewer
        note = read_note(self._folder, self.order.place)
        if note and self._note and note.id == self._note.id and note.failure:
            self._failure = ViewerStartError(note.failure)
            raise self._failure
        if note and self._is_awaited(note):
            self._note = note
            self._join(self._folder, self.order.data_port)
            return None
        pipe = None if self.order.persistent else make_pipe(self._folder, self.order.data_port)
        self._launch = launch(self.order, inherited=lock, parents=pipe)
        expect_viewer(self.order.host, self.order.data_port)
        self._note = StartNote(
            id=new_id(),
            starter=KnownProcess.of(os.getpid()),
            viewer=KnownProcess.of(self._launch.pid),
            log=str(self._launch.log),
        )
        write_note(self._folder, self.order.place, self._note)
        return None

    def _is_awaited(self, note: StartNote) -> bool:
        if note.failure is not None:
            return False  # of an earlier start; this one may do better
        if note.may_succeed:
            self._silent_since = None
            return True
        if note.starter.pid == os.getpid() or not note.starter.is_alive:
            return False
        now = self._clock()
        self._silent_since = now if self._silent_since is None else self._silent_since
        return now < self._silent_since + NEWS_SECONDS

    def _join(self, folder: Path | None, data_port: int) -> None:
        if not self.order.persistent:
            hold(folder, data_port)

    def _tell_that_it_is_left_behind(self, started: Launch) -> None:
        if started.left_viewer_behind and self._note and not self._note.until:
            self._tell(until=time.time() + BACKGROUND_SECONDS)

    def _tell(self, **changes: object) -> None:
        if self._note is not None:
            self._note = msgspec.structs.replace(self._note, **changes)
            write_note(self._folder, self.order.place, self._note)


def check_version(viewer: Viewer) -> None:
    """Refuse a viewer that speaks another protocol.

    Raises:
        ViewerStartError: It does.
    """
    spoken = viewer.connection.protocol_version
    if spoken != PROTOCOL_VERSION:
        older = "hcs-stream here" if spoken > PROTOCOL_VERSION else "the viewer, and start it again"
        raise ViewerStartError(
            f"wanted a viewer that speaks hcs protocol {PROTOCOL_VERSION}, found {viewer!r}, which speaks "
            f"{spoken}: update {older}"
        )


def not_ready(viewer: Viewer, timeout: float) -> ViewerStalledError:
    """Return the error that says that this viewer runs and did not become ready, and what helps."""
    where = viewer.connection
    how = "is stopped (SIGCONT lets it go on)" if viewer.is_stopped else "does not answer"
    helps = "its kill() makes room for another" if is_here(where) else _what_helps_elsewhere(where)
    place = f"{host_of(where)}:{where.requested_port} within {timeout:g} s"
    return ViewerStalledError(f"no viewer is ready at {place}: {viewer!r} {how}; {helps}")


def _what_helps_elsewhere(where: Connection) -> str:
    if where.tunnel:
        return f"look at its window on {machine_name(where)}"
    host, port = where.host, where.requested_port
    forget = f"'hcs-stream connection remove {port} --host {host}' forgets it"
    if needs_proof(where):
        return f"it runs in another container: end it there; {forget}"
    return (
        f"if it was started again, its keys are new, and its file is to be got anew:\n"
        f"  ssh {host} hcs-viewer connection {port} --host {host} | hcs-stream connection add -\n"
        f"Else something keeps this machine from ports {where.data_port} and {where.control_port} of {host};"
        f"\nif it does not run any more, {forget}"
    )


def _folder() -> Path | None:
    try:
        return private_folder(runtime_folders())
    except ConnectionFileError as error:
        logger.debug("no place for notes on starts reason=%s", error)
        return None
