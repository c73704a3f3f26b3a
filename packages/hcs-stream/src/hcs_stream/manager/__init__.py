"""The window of ``hcs-stream manager``: which viewers run, how they are, and images to send to them."""

from ._main_window import MainWindow
from ._running import main, open_window

__all__ = ["MainWindow", "main", "open_window"]
