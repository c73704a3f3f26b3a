"""A napari window that listens: in a process of its own for life, in the user's own napari when asked."""

import atexit
import contextlib
from collections.abc import Callable

import napari
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QApplication

from ._inbox import StatusRequest
from ._presence import Presence
from ._settings import ViewerSettings
from ._window import Window

Ports = Callable[[ViewerSettings], contextlib.AbstractContextManager[ViewerSettings]]
"""Opens ports, says which ones they are, and closes them in order."""


class Listener(QObject):
    """What one napari window has of this package: docks and commands ask it, and let it begin or stop."""

    changed = Signal()
    """It began to listen, or stopped."""
    status = Signal(object)
    """The Pong that was asked for."""

    def __init__(self, window: Window, presence: Presence, ports: Ports, *, may_stop: bool) -> None:
        """Make it.

        Args:
            window: Shows what arrives.
            presence: Says how the window is.
            ports: Where it is to listen.
            may_stop: Whether the window is there for more than listening.
        """
        super().__init__()
        self.window = window
        self.may_stop = may_stop
        self.settings: ViewerSettings | None = None
        """Where it listens; None if it does not."""
        self.life = contextlib.ExitStack()
        """What is closed last, when the window goes."""
        self._presence = presence
        self._ports = ports
        self._open = contextlib.ExitStack()
        self._is_window_told = False
        window.see_status = self.status.emit
        if may_stop:
            window.end = self.stop  # whoever asks this viewer to end does not mean the user's own work

    @property
    def viewer(self) -> napari.Viewer:
        """The napari viewer."""
        return self.window.viewer

    def begin(self, wanted: ViewerSettings) -> ViewerSettings:
        """Listen, and return where; if it does already, that is all.

        Raises:
            NoFreePortsError: There are no free ports.
            ConnectionFileError: No folder takes the connection file.
        """
        if self.settings is None:
            self._presence.see_window()
            self.settings = self._open.enter_context(self._ports(wanted))
            self._presence.state = "ready"
            self._tell_window()
            self.changed.emit()
        return self.settings

    def stop(self) -> None:
        """Listen no more; what was adopted stays in the window. A second time is harmless."""
        if self.settings is not None:
            self.settings = None
            self._open.close()
            self.changed.emit()

    def close(self) -> None:
        """Stop, and leave the window alone: it is about to go. A second time is harmless."""
        atexit.unregister(self.close)
        self.window.stop_listening()
        self.stop()
        self.life.close()

    def close_with_window(self) -> None:
        """Close when the napari window does, or the application, or the interpreter."""
        self.viewer.window.main_menu.window().destroyed.connect(self.close)
        if application := QApplication.instance():
            application.aboutToQuit.connect(self.close)
        atexit.register(self.close)  # a prompt may end before its windows

    def ask_status(self) -> None:
        """Ask how things stand; ``status`` will tell, if it listens."""
        if self.settings is not None:
            self.window.to_receiver.put(StatusRequest())

    def _tell_window(self) -> None:
        if not self._is_window_told:
            self._is_window_told = True
            self.window.listen()
