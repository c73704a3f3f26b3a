"""A link, and the lock that its callers and the thread in the background share."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hcs_protocol import HcsError

from ._link import Link

WAITING_SECONDS, WAITS = 0.03, 8
"""Who waits for room is back before that; in a flood of small images, after so many gaps between two."""
LEAST_BUSY_SECONDS, MOST_BUSY_SECONDS = 0.002, 0.01
"""In longer gaps the thread in the background hears the viewer, or the next call would have to."""


class SharedLink:
    """A link in the hands of one thread at a time: ``with shared.lock, shared as link``.

    A call that is interrupted, by Ctrl-C for one, costs the link its session: half a message may be in its
    socket. The lock is taken apart from that: Ctrl-C within a method that takes it would leave it locked.
    Whoever sends on the control channel drains it: its descriptor tells of each message once.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.closing = threading.Event()
        self.uncompressed = threading.Event()
        """Set when images may have come that wait to be compressed."""
        self.called = threading.Event()
        """Set while somebody waits for what the viewer says, and from when the link closes."""
        self._waiting = 0
        self.waits_at = 0.0
        """When somebody began to wait for room, who hears the viewer by itself."""
        self._sent_at = self._gap = 0.0

    def __enter__(self) -> Link:
        return self.link

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self.interrupted_by(error)
        self.wake_compressor()

    def interrupted_by(self, error: BaseException) -> None:
        """Give up the session if this came in the middle of a call; the caller has the lock."""
        if not isinstance(error, HcsError):
            self.link.interrupt()

    def wake_compressor(self) -> None:
        """Have what may have come compressed, if somebody does that here; the caller has the lock."""
        if self.link.frames.are_compressed and self.link.may_compress:
            self.uncompressed.set()

    def expect_callers(self, now: float) -> None:
        """Note that one has sent something, and will be back after twice the time since the last one."""
        self._gap = now - self._sent_at
        self._sent_at = now

    def spared(self, now: float) -> float:
        """Return for how many seconds from now callers, who will be back, take what it says by themselves."""
        if self.waits_at > self._sent_at:  # it may be through any moment, and not come back
            left = min(self.waits_at + WAITING_SECONDS - now, max(WAITS * self._gap, LEAST_BUSY_SECONDS))
        else:
            expected = min(max(2 * self._gap, LEAST_BUSY_SECONDS), MOST_BUSY_SECONDS)
            left = self._sent_at + expected - now
        return max(0.0, left)

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        """Have the thread in the background hear the viewer at once meanwhile; the caller has the lock."""
        self._waiting += 1
        self.called.set()
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting and not self.closing.is_set():
                self.called.clear()

    def close(self) -> None:
        """Have the thread in the background end."""
        self.closing.set()
        self.called.set()

    def receive(self) -> None:
        """Take what the viewer said; the caller has the lock."""
        if self.link.receive():
            self.changed.notify_all()
