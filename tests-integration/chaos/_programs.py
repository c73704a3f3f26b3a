"""The processes of a trial, as the harness holds them."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import Pipe
from pathlib import Path
from typing import TypeVar

import msgspec

import hcs_stream
from hcs_protocol import Connection, find_connections

from ._orders import Order, ViewerOrders, WorkerOrders

AnswerT = TypeVar("AnswerT")

READY_SECONDS = 60.0
ANSWER_SECONDS = 90.0
END_SECONDS = 90.0
LOG_LINES = 12


class TrialError(Exception):
    """A trial cannot go on: what was to happen did not."""


class Program:
    """A process that the harness started, and ends."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        descriptors: Sequence[int] = (),
        prefix: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.log = log
        self.is_over = False
        """Whether it was ended on purpose, or told to end."""
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [*prefix, sys.executable, "-m", *arguments],
                env=environment,
                pass_fds=descriptors,
                stdin=subprocess.PIPE,  # which ends when the harness does
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def send_signal(self, number: int) -> None:
        """Send a signal and return at once."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        self.is_over = True
        if self._process.poll() is None:
            self.send_signal(signal.SIGKILL)
        self.reap()

    def freeze(self) -> None:
        """Stop it; `thaw` lets it go on."""
        self.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.send_signal(signal.SIGCONT)

    def show_stacks(self) -> None:
        """Have it write into its log where its threads are, if it lives."""
        if self._process.poll() is None:
            self.send_signal(signal.SIGUSR1)

    def reap(self) -> None:
        """Wait until it is gone."""
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise TrialError(f"{self.name} does not end") from error

    def end(self) -> None:
        """Wait until it has ended in order."""
        self.is_over = True
        self.reap()
        if self._process.returncode:
            raise TrialError(f"{self.name} ended with {self._process.returncode}: {self.last_words()}")

    def check(self) -> None:
        """Refuse a process that ended though nobody told it to."""
        if not self.is_over and self._process.poll() is not None:
            self.is_over = True
            raise TrialError(f"{self.name} died with {self._process.returncode}: {self.last_words()}")

    def close(self) -> None:
        """Kill it if it is still there; a second time is harmless."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def last_words(self) -> str:
        """Return how its log ends."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:])

    def read_line(self, timeout: float) -> str:
        """Return the next line of its output."""
        assert self._process.stdout is not None
        there = select.select([self._process.stdout], [], [], timeout)[0]
        if there and (line := self._process.stdout.readline()):
            return line.decode()
        raise TrialError(f"{self.name} says nothing: {self.last_words()}")


class WorkerProgram(Program):
    """A worker's process."""

    def __init__(
        self, orders: WorkerOrders, environment: Mapping[str, str], logs: Path, prefix: Sequence[str] = ()
    ) -> None:
        self.number = orders.worker
        self._control, theirs = Pipe()
        arguments = ["chaos._worker", str(theirs.fileno()), msgspec.json.encode(orders).decode()]
        log = logs / f"worker-{orders.worker}.log"
        super().__init__(f"worker {orders.worker}", arguments, environment, log, [theirs.fileno()], prefix)
        theirs.close()

    def ask(self, order: Order, wanted: type[AnswerT]) -> AnswerT:
        """Return what it answers to an order."""
        try:
            self._control.send(order)
            if not self._control.poll(ANSWER_SECONDS):
                raise TrialError(f"{self.name} does not answer {order!r}: {self.last_words()}")
            answer = self._control.recv()
        except (EOFError, OSError) as error:
            raise TrialError(f"{self.name} is gone, asked for {order!r}: {self.last_words()}") from error
        assert isinstance(answer, wanted), answer
        return answer

    def hang_up(self) -> None:
        """Close the line to it, and so to children that outlived it."""
        self._control.close()


class ViewerProgram(Program):
    """One life of a viewer."""

    def __init__(
        self,
        orders: ViewerOrders,
        life: int,
        environment: Mapping[str, str],
        logs: Path,
        prefix: Sequence[str] = (),
    ) -> None:
        self.port = orders.port
        self.diary = Path(orders.diary)
        arguments = ["chaos._viewer", msgspec.json.encode(orders).decode()]
        name = f"viewer {orders.port} life {life}"
        log = logs / f"viewer-{orders.port}-{life}.log"
        super().__init__(name, arguments, environment, log, prefix=prefix)

    def await_ready(self, folder: Path) -> hcs_stream.Viewer:
        """Return it as a client sees it, once its window is ready."""
        self.read_line(READY_SECONDS)
        path, connection = self._connection(folder)
        return hcs_stream.Viewer(connection, path)

    def _connection(self, folder: Path) -> tuple[Path, Connection]:
        for path, connection in find_connections([folder]):
            if connection.pid == self.pid:
                return path, connection
        raise TrialError(f"{self.name} wrote no connection file: {self.last_words()}")
