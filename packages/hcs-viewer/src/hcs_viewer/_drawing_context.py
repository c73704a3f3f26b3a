"""The OpenGL context that a napari window draws its images in: a layer has to leave in it too.

napari frees the textures and programs of a layer that goes at once, in whichever context is current; between
two paints that is Qt's own, which shares them. Mesa 22.3 (Debian 12) may then end the process at the next
paint: a program that was deleted from there takes away the vertex shader that is bound here.
"""

import napari
from qtpy.QtGui import QOpenGLContext
from qtpy.QtWidgets import QMainWindow, QOpenGLWidget

from hcs_protocol import NoDisplayError

from ._display import VIRTUAL


def check_opengl() -> None:
    """Refuse to go on where a window can open and napari can draw nothing in it; Qt has to be there.

    Raises:
        NoDisplayError: There is no OpenGL.
    """
    if not QOpenGLContext().create():
        raise NoDisplayError(f"no OpenGL on this display, so that napari can draw nothing: {VIRTUAL}")


class DrawingContext:
    """Is current in the window's thread whenever layers of one viewer go, whoever removes them."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer

    def listen(self) -> None:
        """Begin to watch over the layers."""
        self._viewer.layers.events.removing.connect(self.make_current)

    def stop_listening(self) -> None:
        """Watch over nothing any more: the window is about to go, and a script may keep the layers."""
        self._viewer.layers.events.removing.disconnect(self.make_current)

    def make_current(self) -> None:
        """Make it current; before the first paint there is none."""
        window = self._viewer.window.main_menu.window()
        middle = window.centralWidget() if isinstance(window, QMainWindow) else window  # docks have their own
        for canvas in middle.findChildren(QOpenGLWidget) if middle else ():
            if canvas.isValid():
                canvas.makeCurrent()
