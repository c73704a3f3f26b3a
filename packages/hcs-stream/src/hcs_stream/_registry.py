"""The publishers of this process, one per viewer; what becomes of them at exit and after fork."""

import atexit
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from ._copies import close_copies
from ._holdings import Holdings
from ._processes import in_forked_child
from ._publisher import Publisher
from ._whereabouts import LOCAL_HOSTS

logger = logging.getLogger(__name__)

EXIT_TIMEOUT = "HCS_EXIT_TIMEOUT"
EXIT_SECONDS = 30.0

Key: TypeAlias = tuple[str, int]
"""Host and requested data port of a viewer."""


@dataclass
class _Registry:
    publishers: dict[Key, Publisher] = field(default_factory=dict)
    streams: dict[Key, int] = field(default_factory=dict)
    holdings: Holdings | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    exit_is_awaited: bool = False


_registry = _Registry()


def process_holdings(make: Callable[[], Holdings]) -> Holdings:
    """Return where this process keeps the pixels of all its streams."""
    with _registry.lock:
        if _registry.holdings is None:
            _registry.holdings = make()
        return _registry.holdings


def join_publisher(key: Key, make: Callable[[], Publisher]) -> Publisher:
    """Return the publisher of this viewer, the same for all streams of this process."""
    with _registry.lock:
        if key not in _registry.publishers:
            _registry.publishers[key] = make()
        _registry.streams[key] = _registry.streams.get(key, 0) + 1
        return _registry.publishers[key]


def leave_publisher(publisher: Publisher, timeout: float) -> None:
    """Wait until all is adopted; the last stream to leave closes the publisher."""
    with _registry.lock:
        key = next((key for key, other in _registry.publishers.items() if other is publisher), None)
        if key is None:
            return  # closed at exit
        _registry.streams[key] -= 1
        is_last = not _registry.streams[key]
        if is_last:
            del _registry.publishers[key], _registry.streams[key]
    if publisher.close(timeout) if is_last else publisher.settle(timeout):
        say_left(key, publisher)


def say_left(key: Key, publisher: Publisher) -> None:
    """Warn of images that no viewer adopted, and say where they are."""
    kept, lost = publisher.left
    if kept:
        how = "a viewer started there" if key[0] in LOCAL_HOSTS else "'hcs-stream resend' on this machine"
        does = "shows" if key[0] in LOCAL_HOSTS else "sends"
        advice = f"within the hour {how} {does} them; 'python -m hcs_shm --clean' removes them"
        logger.warning("images not adopted viewer=%s:%d left=%d; %s", *key, kept, advice)
    if lost:
        logger.error("images lost viewer=%s:%d lost=%d; there was no shared memory and no disk", *key, lost)


def close_publishers() -> None:
    """Close all publishers, within ``$HCS_EXIT_TIMEOUT`` seconds; a second time is harmless."""
    deadline = time.monotonic() + exit_timeout()
    close_copies(exit_timeout())
    with _registry.lock:
        publishers = dict(_registry.publishers)
        _registry.publishers.clear()
        _registry.streams.clear()
    for key, publisher in publishers.items():
        if publisher.close(max(0.0, deadline - time.monotonic())):
            say_left(key, publisher)


def await_exit() -> None:
    """Have the publishers closed when this process ends; a second time is harmless."""
    if _registry.exit_is_awaited:
        return
    _registry.exit_is_awaited = True
    weakref.finalize(_registry, int)  # their hook, which removes pools, is older than ours and runs later
    atexit.register(close_publishers)
    if util := sys.modules.get("multiprocessing.util"):  # workers of a pool do not run atexit
        util.Finalize(None, close_publishers, exitpriority=100)


def exit_timeout() -> float:
    """Return how many seconds a stream that closes, and a process that ends, waits for its viewers."""
    try:
        return float(os.environ.get(EXIT_TIMEOUT, EXIT_SECONDS))
    except ValueError:
        return EXIT_SECONDS


@in_forked_child
def _leave_to_parent() -> None:
    publishers = list(_registry.publishers.values())
    _registry.lock = threading.Lock()
    _registry.exit_is_awaited = False
    if _registry.holdings:
        _registry.holdings.leave_to_parent()
    for publisher in publishers:
        publisher.leave_to_parent()
