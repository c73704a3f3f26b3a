"""The camera: all that is seen is in view until the user moves it, and from then on it is the user's."""

from collections.abc import Callable, Sequence

import napari

from ._layers import ShownLayer

TEXT_PIXELS = 46
"""At the top of the canvas, for the line that says where the sliders stand: it covers no image."""


class View:
    """Where the camera of one napari viewer was put, and whether it is still there."""

    def __init__(self, viewer: napari.Viewer, layers: Callable[[], Sequence[ShownLayer]]) -> None:
        """Leave the camera where it is.

        Args:
            viewer: Has it.
            layers: Returns our layers in the window.
        """
        self._viewer = viewer
        self._layers = layers
        self._extent: tuple[float, ...] = ()
        self._fitted: tuple[float, ...] | None = None
        """Where the camera was put when the images were last brought into view."""

    def listen(self) -> None:
        """Begin to note how large the canvas is, as when the first slider appears below it."""
        self._viewer.canvas.events.size.connect(self._fit_canvas)

    def fit(self) -> None:
        """Fill the canvas with the images that are seen, unless the user has moved the camera."""
        sizes = [shown.world_size for shown in self._layers() if shown.layer.visible]
        extent = tuple(max(lengths) for lengths in zip(*sizes, strict=True))
        if sizes and extent != self._extent and self._fitted in {None, self._camera()}:
            self._extent = extent
            self._put()

    def clear(self) -> None:
        """Begin anew, as before the first image."""
        self._extent, self._fitted = (), None

    def _fit_canvas(self) -> None:
        if self._fitted is not None and self._fitted == self._camera():
            self._put()

    def _put(self) -> None:
        self._viewer.fit_to_view(layers=[layer for layer in self._viewer.layers if layer.visible])
        if self._viewer.dims.ndisplay == 2:
            self._leave_room_for_text()
        self._fitted = self._camera()

    def _leave_room_for_text(self) -> None:
        camera, height = self._viewer.scene.camera, float(self._viewer.canvas.size[0])
        if height > 2 * TEXT_PIXELS:
            camera.zoom *= (height - TEXT_PIXELS) / height
            *depth, y, x = camera.center
            camera.center = (*depth, y - TEXT_PIXELS / 2 / camera.zoom, x)

    def _camera(self) -> tuple[float, ...]:
        camera = self._viewer.scene.camera
        return (*camera.center, camera.zoom)
