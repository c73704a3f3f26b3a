"""The OpenGL context that a napari window draws its images in: a layer has to leave in it too.

napari frees the textures and programs of a layer that goes at once, in whichever context is current; between
two paints that is Qt's own, which shares them. Mesa 22.3 (Debian 12) may then end the process at the next
paint: a program that was deleted from there takes away the vertex shader that is bound here.
"""

import napari
from qtpy.QtWidgets import QOpenGLWidget


def keep_for_removals(viewer: napari.Viewer) -> None:
    """Make it current whenever layers of a viewer go, whoever removes them."""
    viewer.layers.events.removing.connect(lambda: make_current(viewer))


def make_current(viewer: napari.Viewer) -> None:
    """Make it current in this thread, the one of the window; before the first paint there is none yet."""
    for canvas in viewer.window.main_menu.window().findChildren(QOpenGLWidget):
        if canvas.isValid():
            canvas.makeCurrent()
