"""Which process a connection file means: pid and start time, never a port."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Literal, Protocol, Self

import msgspec
import psutil

from hcs_protocol import Connection, Tunnel, start_ticks

START_TOLERANCE_SECONDS = 1.0
LOOK_SECONDS = 0.02

_children: dict[int, "subprocess.Popen[bytes]"] = {}
_lock = threading.Lock()


class Process(Protocol):
    """A viewer's process as `subprocess.Popen` knows it."""

    pid: int
    returncode: int | Any

    @property
    def stdin(self) -> IO[bytes] | None:
        """The pipe that it reads from, if it does."""

    def poll(self) -> int | None:
        """Return its exit status, None while it runs."""

    def kill(self) -> None:
        """End it at once."""

    def wait(self) -> int:
        """Wait for its end; returns its exit status."""


class KnownProcess(msgspec.Struct, frozen=True, kw_only=True):
    """One process, told from all that have its pid before or after it."""

    pid: int
    start_time: float
    """Seconds since 1970."""
    start_ticks: int = 0

    @classmethod
    def of(cls, pid: int) -> Self:
        """Return the process that has this pid now; one that is gone already is never alive."""
        try:
            started = psutil.Process(pid).create_time()
        except psutil.Error:
            started = 0.0
        return cls(pid=pid, start_time=started, start_ticks=start_ticks(pid))

    @classmethod
    def named_by(cls, connection: Connection) -> Self:
        """Return the process of this viewer."""
        return cls(pid=connection.pid, start_time=connection.start_time, start_ticks=connection.start_ticks)

    @classmethod
    def keeper_of(cls, tunnel: Tunnel) -> Self:
        """Return the process that keeps this tunnel open."""
        return cls(pid=tunnel.pid, start_time=tunnel.start_time, start_ticks=tunnel.start_ticks)

    @property
    def is_alive(self) -> bool:
        """Whether it runs; one that ended and that nobody waited for does not."""
        return living_process(self.pid, self.start_time, self.start_ticks) is not None

    @property
    def is_stopped(self) -> bool:
        """Whether it is there and was stopped, as by SIGSTOP."""
        process = living_process(self.pid, self.start_time, self.start_ticks)
        try:
            return process is not None and process.status() == psutil.STATUS_STOPPED
        except psutil.Error:
            return False

    def end(self, how: Literal["terminate", "kill"]) -> None:
        """Send it SIGTERM or SIGKILL, and never to another one that has its pid by now.

        A stopped process that is to terminate goes on, or it would never hear of it.
        """
        with _held(self.pid) as held:
            process = living_process(self.pid, self.start_time, self.start_ticks)
            if process is None:
                return
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                if held is None:
                    getattr(process, how)()
                elif sys.platform == "linux":
                    signal.pidfd_send_signal(held, signal.SIGKILL if how == "kill" else signal.SIGTERM)
                    if how == "terminate":
                        signal.pidfd_send_signal(held, signal.SIGCONT)

    def is_gone_within(self, timeout: float) -> bool:
        """Wait for its end, at most so many seconds; says whether it came."""
        deadline = time.monotonic() + timeout
        with _held(self.pid) as held:
            while self.is_alive:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                if held is None:
                    time.sleep(min(left, LOOK_SECONDS))
                elif sys.platform == "linux":
                    ended = select.poll()
                    ended.register(held, select.POLLIN)
                    ended.poll(left * 1000)
                    held = None  # what is still said to be alive is so for a moment
        return True


@contextmanager
def _held(pid: int) -> Iterator[int | None]:
    """Hold on to a process, so that its pid means no other one meanwhile; None where that cannot be."""
    held = None
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # an old kernel, a sandbox, or nobody has this pid
            held = os.pidfd_open(pid)
    try:
        yield held
    finally:
        if held is not None:
            os.close(held)


def adopt_child(child: "subprocess.Popen[bytes]") -> None:
    """Reap this child of ours when it is gone, so that it is not taken for a living process."""
    with _lock:
        _children[child.pid] = child


def living_process(pid: int, start_time: float, ticks: int = 0) -> psutil.Process | None:
    """Return the process that had this pid at that time, or None if it is gone.

    Args:
        pid: Its number, which another process may have by now.
        start_time: When it started, seconds since 1970: by a clock that may have been set since.
        ticks: The same in ticks since the machine started, which tell better; 0 if that is not known.
    """
    _reap()
    try:
        process = psutil.Process(pid)
        known = ticks and start_ticks(pid)
        is_same = known == ticks if known else _started_about(process, start_time)
        return process if is_same and not _has_ended(process) else None
    except psutil.Error:
        return None


def _has_ended(process: psutil.Process) -> bool:
    """Say whether nothing is left of it: what its last threads hold, as ports, is not free before."""
    return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1


def _started_about(process: psutil.Process, start_time: float) -> bool:
    return abs(process.create_time() - start_time) <= START_TOLERANCE_SECONDS


def in_forked_child(call: Callable[[], None]) -> Callable[[], None]:
    """Have this called in every forked child, where there are any (a decorator)."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=call)
    return call


@in_forked_child
def _forget_children() -> None:
    """They are the parent's; its ends of their pipes are closed, or they would never end."""
    global _lock
    _lock = threading.Lock()
    for child in _children.values():
        if child.stdin:
            child.stdin.close()
        child.returncode = 0  # not ours to wait for
    _children.clear()


def _reap() -> None:
    with _lock:
        for child in list(_children.values()):
            if child.poll() is not None:
                del _children[child.pid]
                if child.stdin:
                    child.stdin.close()
