"""Work that only the newest request of counts: done in a thread, its result handed to the window."""

import threading
from collections.abc import Callable
from contextlib import suppress

from qtpy.QtCore import QObject, Signal

Work = Callable[[], object]


class Latest(QObject):
    """Does what it was asked last; a result that nobody waits for any more is dropped."""

    done = Signal(int, object)
    """The number of the request, and its result or the error that it raised."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.newest = 0
        """The number of the request made last."""
        self._work: Work | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def ask(self, work: Work) -> int:
        """Have this done instead of what was asked before; returns the request's number."""
        with self._lock:
            self.newest += 1
            self._work = work
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hcs-list", daemon=True)
                self._thread.start()
            return self.newest

    def drop(self) -> None:
        """Want no result any more."""
        with self._lock:
            self.newest += 1
            self._work = None

    def close(self) -> None:
        """Wait for what is under way; a second time is harmless."""
        self.drop()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while (taken := self._next()) is not None:
            number, work = taken
            try:
                result = work()
            except Exception as error:  # whoever asked says it in words
                result = error
            with self._lock:
                is_newest = number == self.newest
            if is_newest:
                with suppress(RuntimeError):  # the window is gone meanwhile
                    self.done.emit(number, result)

    def _next(self) -> tuple[int, Work] | None:
        with self._lock:
            work, self._work = self._work, None
            if work is None:
                self._thread = None
                return None
            return self.newest, work
