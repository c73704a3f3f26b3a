"""Which process a connection file means: pid and start time, never a port."""

import os
import subprocess
import threading
from collections.abc import Callable

import psutil

from hcs_protocol import start_ticks

START_TOLERANCE_SECONDS = 1.0

_children: dict[int, "subprocess.Popen[bytes]"] = {}
_lock = threading.Lock()


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
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


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
