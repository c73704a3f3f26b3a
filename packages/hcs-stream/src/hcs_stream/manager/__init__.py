"""The window of ``hcs-stream manager``: which viewers run, how they are, and images to send to them."""

from ._running import main

__all__ = ["main"]
