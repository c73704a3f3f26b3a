"""Locks on files: who holds one lives. A forked child closes its copies, or it would live for its parent."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from ._platform import at_fork, open_existing, try_lock

_held: set[int] = set()
_opening = threading.RLock()  # a fork waits until every descriptor that may be locked is known


def hold_lock(path: Path) -> int:
    """Lock a file until `let_go`, or the end of this process.

    Raises:
        BlockingIOError: Somebody has locked it.
        OSError: It cannot be opened.
    """
    descriptor = _open(path)
    if not try_lock(descriptor):
        let_go(descriptor)
        raise BlockingIOError(f"somebody has locked {path}")
    return descriptor


def let_go(descriptor: int) -> None:
    """Close the descriptor of a lock; in a forked child, or a second time, it is harmless."""
    with _opening:
        if descriptor in _held:
            _held.remove(descriptor)
            os.close(descriptor)


@contextlib.contextmanager
def probed(path: Path, *, shared: bool) -> Iterator[bool]:
    """Say whether nobody has locked a file; unless ``shared``, nobody else is told so meanwhile.

    Raises:
        OSError: It cannot be opened.
    """
    descriptor = _open(path)
    try:
        yield try_lock(descriptor, shared=shared) and os.fstat(descriptor).st_nlink > 0
    finally:
        let_go(descriptor)


def _open(path: Path) -> int:
    with _opening:
        descriptor = open_existing(path)  # not one that a mapping has: a child closes these alone
        _held.add(descriptor)
        return descriptor


def _in_child() -> None:
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()
    _opening.release()


at_fork(before=_opening.acquire, in_parent=_opening.release, in_child=_in_child)
