"""Which process a connection file means: pid and start time, never a port."""

import os
import subprocess
import threading
from collections.abc import Callable

import psutil

START_TOLERANCE_SECONDS = 1.0

_children: dict[int, "subprocess.Popen[bytes]"] = {}
_lock = threading.Lock()


def adopt_child(child: "subprocess.Popen[bytes]") -> None:
    """Reap this child of ours when it is gone, so that it is not taken for a living process."""
    with _lock:
        _children[child.pid] = child


def living_process(pid: int, start_time: float) -> psutil.Process | None:
    """Return the process that had this pid at that time, or None if it is gone.

    Args:
        pid: Its number, which another process may have by now.
        start_time: When it started, seconds since 1970.
    """
    _reap()
    try:
        process = psutil.Process(pid)
        is_same = abs(process.create_time() - start_time) <= START_TOLERANCE_SECONDS
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


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
