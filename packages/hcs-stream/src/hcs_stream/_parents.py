"""Viewers that end with the processes that want them: a named pipe, which each of those holds open.

The viewer reads from it and hears the end when the last of them is gone, however it ended. A named pipe
passes through any command that starts the viewer; where there is none, as on Windows or by ssh, the viewer
reads its standard input, whose other end the process that started it holds.
"""

import contextlib
import os
import stat
import sys
import threading
from pathlib import Path

from ._processes import in_forked_child

PARENTS = "HCS_PARENTS"
"""The variable by which a viewer is told where the pipe is."""

_held: dict[Path, tuple[int, int]] = {}
"""Of each pipe its inode and our descriptor."""


def make_pipe(folder: Path | None, data_port: int) -> Path | None:
    """Make the pipe of a viewer that is about to be started, and hold it; None where there can be none."""
    if folder is None or sys.platform == "win32":
        return None
    path = _path(folder, data_port)
    try:
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o600)
    except OSError:
        return None
    return path if hold(folder, data_port) else None


def hold(folder: Path | None, data_port: int) -> bool:
    """Keep the viewer of this port alive as long as this process lives; says whether there is a pipe for it.

    The worker of a process pool does so as long as its parent lives, for it may be stuck without it.
    """
    if folder is None or sys.platform == "win32":
        return False
    path = _path(folder, data_port)
    try:
        found = path.lstat()
        if not stat.S_ISFIFO(found.st_mode):
            return False
        inode, descriptor = _held.get(path, (0, -1))
        if inode != found.st_ino:
            _let_go(descriptor)
            _held[path] = found.st_ino, os.open(path, os.O_RDWR | os.O_NONBLOCK)
            _let_go_after_parent()
    except OSError:
        return False
    return True


def _path(folder: Path, data_port: int) -> Path:
    return folder / f"parents-{data_port}.pipe"


def _let_go(descriptor: int) -> None:
    if descriptor >= 0:
        with contextlib.suppress(OSError):
            os.close(descriptor)


@in_forked_child
def _let_all_go() -> None:
    while _held:
        _, (_, descriptor) = _held.popitem()
        _let_go(descriptor)


def _let_go_after_parent() -> None:
    multiprocessing = sys.modules.get("multiprocessing")  # a worker of a pool has imported it
    parent = multiprocessing and multiprocessing.parent_process()
    if parent and not any(thread.name == "hcs-parent" for thread in threading.enumerate()):

        def wait() -> None:
            parent.join()
            _let_all_go()

        threading.Thread(target=wait, name="hcs-parent", daemon=True).start()
