"""Images whose pixels a device still copies: published by a thread when they are there, in order.

Until then their blocks are lent and nothing is owed: if this process dies, no viewer takes half an image for
a whole one. What is sent after them waits behind them.
"""

import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from hcs_protocol import DeviceError, HcsError

from ._background import give_way
from ._owed import Owed
from ._processes import in_forked_child

logger = logging.getLogger(__name__)

ENDING_SECONDS = 5.0


class Copies:
    """What one stream sent and did not publish yet; any thread may call it."""

    def __init__(
        self, publish: Callable[[Sequence[Owed]], None], give_up: Callable[[Sequence[Owed]], None]
    ) -> None:
        """Wait for nothing yet; the thread begins with the first copy.

        Args:
            publish: Publishes images that were sent together.
            give_up: Gives back the blocks of images that will not be published.
        """
        self._publish = publish
        self._give_up = give_up
        self._inherited: list[object] = []
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._waiting: deque[Sequence[Owed]] = deque()
        self._done = 0
        """How often images that were sent together have left it."""
        self._turn = threading.Lock()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._error: Exception | None = None

    def leave_to_parent(self) -> None:
        """In a forked child: begin anew; the parent's copies are not touched."""
        self._inherited += [self._waiting]  # kept, so that nobody collects them
        self._begin()

    def must_wait(self, images: Sequence[Owed]) -> bool:
        """Say whether a copy is under way, theirs or one before: else they can be published at once."""
        if not self._waiting:
            for image in images:
                if image.held is not None and image.held.copy is not None:
                    break
            else:
                return False
        return True

    def add(self, images: Sequence[Owed]) -> None:
        """Have these published in their turn."""
        with self._changed:
            self._waiting.append(images)
            is_running = self._is_running()
        if not is_running:
            self._publish_next()

    def has(self, images: Sequence[Owed]) -> bool:
        """Say whether these wait for their turn, or have it."""
        with self._changed:
            return any(waiting is images for waiting in self._waiting)

    def settle(self, timeout: float) -> int:
        """Wait until all that was sent so far is published; returns how many of these images are not."""
        if not self._waiting:
            return 0
        with self._changed:
            self._is_running()  # Ctrl-C may have come before it was told
            last = self._done + len(self._waiting)
            self._changed.wait_for(lambda: self._done >= last, timeout)
            return sum(map(len, islice(self._waiting, max(0, last - self._done))))

    def check(self) -> None:
        """Raise what kept an image from being published since this was asked last.

        Raises:
            DeviceError: Its device did not hand it over.
        """
        error, self._error = self._error, None
        if isinstance(error, HcsError):
            raise error
        if error is not None:
            raise DeviceError(f"an image was lost: {type(error).__name__}: {error}") from error

    def close(self, timeout: float, *, at_least: float = ENDING_SECONDS) -> None:
        """Wait until all is published, for some seconds in any case; end the thread. Twice is harmless."""
        timeout = max(timeout, at_least)
        if left := self.settle(timeout):
            logger.error("images lost in a device left=%d waited=%g s", left, timeout)
        with self._changed:
            self._ending = True
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is not None and not left:
            thread.join(ENDING_SECONDS)

    def _is_running(self) -> bool:
        """Tell the thread that images wait, after starting it if need be; False if there can be none."""
        if self._thread is None and not self._start():
            return False
        self._changed.notify_all()
        return True

    def _start(self) -> bool:
        """Start the thread; False if there can be none, because the interpreter exits."""
        thread = threading.Thread(target=self._run, name="hcs-copies", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._thread, self._ending = thread, False
        return True

    def _run(self) -> None:
        give_way()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ending)
                if not self._waiting:
                    return
            self._publish_next()

    def _publish_next(self) -> None:
        with self._turn:  # callers do it themselves where no thread can be started
            if not self._waiting:
                return
            images = self._waiting[0]
            self._begin_two()
            try:
                self._publish([image for image in images if self._is_there(image)])
            except Exception as error:  # the outermost loop of this thread
                logger.exception("images lost count=%d", len(images))
                self._error = error
            with self._changed:
                self._waiting.popleft()  # only now: what is sent meanwhile has to wait
                self._done += 1
                self._changed.notify_all()

    def _begin_two(self) -> None:
        """Have copies begin that only hold their array: this one, and the next, for a device without gaps."""
        with self._changed:
            near = [image.held for images in islice(self._waiting, 2) for image in images]
        for held in near:
            begin = getattr(held and held.copy, "begin", None)
            if begin is not None:
                begin()

    def _is_there(self, image: Owed) -> bool:
        """Wait for an image's copy; one that fails is given up."""
        if (held := image.held) is None or held.copy is None:
            return True
        try:
            held.copy.wait()
        except Exception as error:  # what a device's library raises, too: its block would never come back
            logger.error("image lost in a device reason=%s", error)
            self._error = error
            self._give_up([image])
            return False
        held.copy = None
        return True


def close_copies(timeout: float) -> None:
    """Have all streams of this process publish what devices still copy; a second time is harmless."""
    deadline = time.monotonic() + max(timeout, ENDING_SECONDS)  # of all together: one device may hang for all
    for copies in list(_all):
        copies.close(max(0.0, deadline - time.monotonic()), at_least=0.0)


_all: "weakref.WeakSet[Copies]" = weakref.WeakSet()


@in_forked_child
def _leave_to_parent() -> None:
    for copies in list(_all):
        copies.leave_to_parent()
