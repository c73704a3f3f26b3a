"""Which napari windows of this process listen, or did; commands and docks find theirs here."""

from typing import TypeVar

import napari

from ._listener import Listener

ViewerT = TypeVar("ViewerT", bound=napari.Viewer | None)

listeners: list[Listener] = []
"""One per napari window; a window that goes takes its own away."""


def listener_of(viewer: napari.Viewer | None) -> Listener | None:
    """Return what makes this napari listen, if it ever did."""
    return next((listener for listener in listeners if listener.viewer is itself(viewer)), None)


def itself(viewer: ViewerT) -> ViewerT:
    """Return the viewer that is meant: docks and commands are given another object that stands for it."""
    meant: ViewerT = getattr(viewer, "__wrapped__", viewer)
    return meant
