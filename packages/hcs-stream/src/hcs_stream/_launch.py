"""Start a viewer's process; say what became of it."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeAlias

from hcs_protocol import NoDisplayError, PortTakenError, ViewerStartError

from ._logs import last_lines, open_output
from ._parents import PARENTS
from ._processes import Process, adopt_child
from ._spares import take_spare
from ._start_failures import NO_DISPLAY, PORT_TAKEN, advice, ending
from ._viewer_kinds import NAPARI, Command, command_to_start
from ._whereabouts import LOCAL_HOSTS

TITLE = "HCS Pipeline Visualization"
LOG_LINES = 20
READ_LINES = 500
"""What helps may stand further above."""
BACKGROUND_SECONDS = 10.0
"""How long after a command that ended well the viewer that it left behind may need to be found."""
RIVAL_SECONDS = 0.5
"""How long after the end of a viewer that found its port taken the other one may need to be found."""

if sys.platform == "win32":
    DETACHED = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
else:
    DETACHED = 0  # start_new_session does it there

OnPortConflict: TypeAlias = Literal["next", "error"]


@dataclass(frozen=True, kw_only=True)
class Order:
    """Which viewer is to be started."""

    data_port: int
    host: str = "localhost"
    """Its machine: another one only with a command that starts it there."""
    title: str | None = None
    persistent: bool = True
    """Whether it outlives the processes that want it."""
    viewer_command: Command = None
    kind: str = NAPARI
    on_port_conflict: OnPortConflict = "next"
    """Whether it takes the next free ports if another program has its own."""

    def __post_init__(self) -> None:
        if self.on_port_conflict not in {"next", "error"}:
            raise ValueError(f"wanted on_port_conflict 'next' or 'error', found {self.on_port_conflict!r}")

    @property
    def place(self) -> str:
        """What files about its start are called by."""
        machine = "" if self.host in LOCAL_HOSTS else f"-{sha256(self.host.encode()).hexdigest()[:12]}"
        return f"{self.data_port}{machine}"

    def command(self) -> list[str]:
        """Return the command line.

        Raises:
            ViewerNotInstalledError: There is no viewer to start.
        """
        program, arguments = self.program(), self.arguments()
        if Path(program[0]).stem == "ssh":  # it joins them to one text, which a shell there takes apart
            arguments = [shlex.quote(argument) for argument in arguments]
        return [*program, *arguments]

    def program(self) -> list[str]:
        """Return the command line without its arguments.

        Raises:
            ViewerNotInstalledError: There is no viewer to start.
        """
        return command_to_start(self.viewer_command, kind=self.kind)

    def arguments(self) -> list[str]:
        """Return the arguments."""
        arguments = ["--data-port", str(self.data_port), "--title", self.title or TITLE]
        arguments += ["--next-free"] if self.on_port_conflict == "next" else []
        return arguments if self.persistent else [*arguments, "--stdin-is-parent"]


class Launch:
    """A viewer process that was started, or the command that starts one, and may not be ready yet."""

    def __init__(
        self,
        order: Order,
        process: Process,
        log: Path,
        log_start: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.order = order
        self.log = log
        self._process = process
        self._log_start = log_start
        self._clock = clock
        self._last_alive = clock()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    @property
    def left_viewer_behind(self) -> bool:
        """Whether it ended as a command does that starts a viewer in the background."""
        return self._process.poll() == 0

    @property
    def may_succeed(self) -> bool:
        """Whether the viewer may still appear."""
        if not self.has_ended:
            self._last_alive = self._clock()
            return True
        patience = {0: BACKGROUND_SECONDS, PORT_TAKEN: RIVAL_SECONDS}.get(self._process.returncode, 0.0)
        return self._clock() < self._last_alive + patience

    def stop(self) -> None:
        """End a viewer that has no connection file yet, with all it was started through.

        A second time is harmless.
        """
        if not self.has_ended:
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(os.getpgid(self._process.pid), signal.SIGKILL)  # the session that it was started in
            self._process.wait()

    def failure(self) -> ViewerStartError:
        """Return why there is no viewer, with the last lines of its log."""
        status = self._process.poll()
        lines = last_lines(self.log, READ_LINES, start=self._log_start)
        said = "\n".join(lines[-LOG_LINES:]) or "(it said nothing)"
        what_helps = advice(lines) if self.has_ended else ""
        text = f"the viewer for port {self.order.data_port} {ending(status)}"
        text += f"; {what_helps}" if what_helps else ""
        errors = {PORT_TAKEN: PortTakenError, NO_DISPLAY: NoDisplayError}
        error = errors.get(status or 0, ViewerStartError)
        return error(f"{text}; {self.log} ends with:\n{said}")


def launch(order: Order, *, inherited: int | None = None, parents: Path | None = None) -> Launch:
    """Start a viewer, or take a spare one, and no more.

    Args:
        order: Which one.
        inherited: A file descriptor that it gets.
        parents: The pipe that those hold with whom it ends.

    Raises:
        ViewerNotInstalledError: There is no viewer to start.
        ViewerStartError: The command cannot be run.
    """
    environment = os.environ | ({PARENTS: str(parents)} if parents else {})
    return _spawn(order.command(), order, inherited, environment)


def _spawn(command: list[str], order: Order, inherited: int | None, environment: dict[str, str]) -> Launch:
    stdin = subprocess.DEVNULL if order.persistent else subprocess.PIPE  # which ends when this process does
    with open_output(order.data_port) as output:
        log, start = Path(output.name), output.tell()
        spare = order.kind == NAPARI and take_spare(
            order.program(),
            order.arguments(),
            output=output.fileno(),
            pipe=not order.persistent,
            inherited=inherited,
            environ=environment,
        )
        if spare:
            return Launch(order, spare, log, start)
        try:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=stdin,
                stdout=output,
                stderr=output,
                start_new_session=True,
                creationflags=DETACHED,
                pass_fds=() if inherited is None or sys.platform == "win32" else (inherited,),
            )
        except OSError as error:
            raise ViewerStartError(f"cannot run {shlex.join(command)}: {error}") from error
    adopt_child(process)
    return Launch(order, process, log, start)
