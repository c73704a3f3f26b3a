"""A pipeline's visualizer: one napari viewer, started without waiting for it."""

from typing import Protocol, runtime_checkable

import msgspec

from hcs_protocol import DATA_PORT, DisplayConfiguration

from ._assembly import connect
from ._launch import TITLE, OnPortConflict, Order
from ._start import Start
from ._starting import start_of, wait_until_ready
from ._stream import Stream
from ._viewer import Viewer
from ._viewers import find_viewer


@runtime_checkable
class SaysHowToShow(Protocol):
    """What configurations of `hcs_stream.config` have."""

    def display(self) -> DisplayConfiguration:
        """Return how images are shown."""


class NapariStreamVisualizer:
    """The viewer that a pipeline's orchestrator holds: start it, stream to it, leave it open or stop it."""

    def __init__(
        self,
        filemanager: object = None,
        visualizer_config: object = None,
        viewer_title: str = TITLE,
        persistent: bool = True,
        napari_port: int = DATA_PORT,
        replace_layers: bool = False,
        *,
        on_port_conflict: OnPortConflict = "next",
    ) -> None:
        """Remember; nothing is started yet.

        Args:
            filemanager: The pipeline's; kept for it, not used.
            visualizer_config: The pipeline's; kept for it. A `DisplayConfiguration`, or a configuration of
                `hcs_stream.config`, says how to show images.
            viewer_title: Of the window.
            persistent: Whether the viewer outlives this process.
            napari_port: The viewer's data port.
            replace_layers: Whether a new run takes over the layers of the run before.
            on_port_conflict: ``"next"`` lets the viewer take the next free ports if another program has this
                one; it is found by this one all the same. ``"error"`` does not.
        """
        self.filemanager = filemanager
        self.visualizer_config = visualizer_config
        self.viewer_title = viewer_title
        self.persistent = persistent
        self.napari_port = napari_port
        self.replace_layers = replace_layers
        self.on_port_conflict: OnPortConflict = on_port_conflict
        self._start: Start | None = None

    @property
    def is_running(self) -> bool:
        """Whether there is a viewer process on this port, ready or starting."""
        if self._start and self._start.is_under_way:
            return True
        return find_viewer(self.napari_port) is not None

    def start_viewer(self, async_mode: bool = True) -> None:
        """Start a viewer unless one runs on this port; returns at once, or when it is ready.

        Args:
            async_mode: Whether to return at once; images sent before it is ready are kept and arrive.

        Raises:
            ViewerNotInstalledError: There is no viewer to start.
            ViewerStartError: It did not become ready, if that was waited for.
        """
        self._start = start_of(self._order())
        if not async_mode:
            self.wait_until_ready()

    def wait_until_ready(self, timeout: float = 30.0) -> Viewer:
        """Return the viewer as soon as it is ready.

        Raises:
            ViewerStartError: It ended, or is not ready within ``timeout`` seconds.
            ViewerStalledError: It ran before, and does not answer.
        """
        return wait_until_ready(self._order(), timeout=timeout, may_start=False)

    def connect(self, *, run: str | None = None, wait: bool = False) -> Stream:
        """Return a stream to this viewer, as `hcs_stream.connect` does."""
        return connect(
            data_port=self.napari_port,
            run=run,
            display=self._display(),
            title=self.viewer_title,
            persistent=self.persistent,
            on_port_conflict=self.on_port_conflict,
            wait=wait,
        )

    def stop_viewer(self) -> None:
        """End the viewer of this port, persistent or not; a second time is harmless."""
        if viewer := find_viewer(self.napari_port):
            viewer.stop()
        elif self._start:
            self._start.stop()
        self._start = None

    def _order(self) -> Order:
        return Order(
            data_port=self.napari_port,
            title=self.viewer_title,
            persistent=self.persistent,
            on_port_conflict=self.on_port_conflict,
        )

    def _display(self) -> DisplayConfiguration:
        given = self.visualizer_config
        said = given.display() if isinstance(given, SaysHowToShow) else given
        display = said if isinstance(said, DisplayConfiguration) else DisplayConfiguration()
        return msgspec.structs.replace(display, replace_layers=display.replace_layers or self.replace_layers)
