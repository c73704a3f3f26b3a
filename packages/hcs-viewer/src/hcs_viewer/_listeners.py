"""Which napari windows of this process listen, or did; commands and docks find theirs here."""

import napari

from ._listener import Listener

listeners: list[Listener] = []
"""One per napari window; a window that goes takes its own away."""


def listener_of(viewer: napari.Viewer | None) -> Listener | None:
    """Return what makes this napari listen, if it ever did."""
    return next((listener for listener in listeners if listener.viewer is viewer), None)
