"""The window of ``hcs-stream manager``: which viewers run, how they are, and images to send to them."""

from ._browser import Browser
from ._connecting import connect_to
from ._main_window import MainWindow
from ._outbox import Outbox
from ._running import main, open_window
from ._target import Target

__all__ = ["Browser", "MainWindow", "Outbox", "Target", "connect_to", "main", "open_window"]
