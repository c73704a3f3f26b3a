"""How late a window's timers are: what a hand on a slider feels."""

import time

from qtpy.QtCore import QObject, Qt, QTimer

INTERVAL_MILLISECONDS = 16


class LateTimer(QObject):
    """A timer that begins anew each time that it was run, and notes how late that was."""

    def __init__(self) -> None:
        super().__init__()
        self.nanoseconds: list[int] = []
        self._due = 0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Begin, or begin anew."""
        self.nanoseconds = []
        self._arm()

    def stop(self) -> None:
        """End; a second time is harmless."""
        self._timer.stop()

    def _arm(self) -> None:
        self._due = time.monotonic_ns() + INTERVAL_MILLISECONDS * 1_000_000
        self._timer.start(INTERVAL_MILLISECONDS)

    def _tick(self) -> None:
        self.nanoseconds.append(max(0, time.monotonic_ns() - self._due))
        self._arm()


class Gaps(QObject):
    """A timer that is due at once, again and again, and notes the longest time between two."""

    def __init__(self) -> None:
        super().__init__()
        self._last = self.longest_nanoseconds = 0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Begin, or begin anew."""
        self.longest_nanoseconds = 0
        self._last = time.monotonic_ns()
        self._timer.start(0)

    def stop(self) -> int:
        """End, and return the longest time between two, in nanoseconds."""
        self._timer.stop()
        self._tick()
        return self.longest_nanoseconds

    def _tick(self) -> None:
        now = time.monotonic_ns()
        self.longest_nanoseconds = max(self.longest_nanoseconds, now - self._last)
        self._last = now
