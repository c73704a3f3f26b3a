"""The way from any thread into the window's."""

from collections.abc import Callable

from qtpy.QtCore import QObject, Signal


class MainThread(QObject):
    """Has calls made in the thread in which it was made."""

    _handed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._handed.connect(self._call)

    def call(self, call: Callable[[], object]) -> None:
        """Have this called soon; not at all if the window is gone by then."""
        try:
            self._handed.emit(call)
        except RuntimeError:  # it was deleted
            return

    def _call(self, call: Callable[[], object]) -> None:
        call()
