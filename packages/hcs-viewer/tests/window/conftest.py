"""A real napari window with its dock, on a virtual screen, in which images are laid at once."""

from collections.abc import Callable, Iterator

import napari
import numpy as np
import numpy.typing as npt
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QWidget

from hcs_protocol import Components, DisplayConfiguration, FrameRef, ImageAddress, ImageReady, ImageSpec, Step
from hcs_protocol.testing import FakeClock
from hcs_viewer._answers import answer
from hcs_viewer._inbox import Answer, ArrivedImage, Inbox, Question, ToReceiver, ToWindow, WindowRequest
from hcs_viewer._navigation import Navigation, add_navigation
from hcs_viewer._presence import Presence
from hcs_viewer._store import Store
from hcs_viewer._window import Window

PATIENCE_MILLISECONDS = 20_000

Array = npt.NDArray[np.generic]


class Screen:
    """A window that somebody sits at."""

    def __init__(self, viewer: napari.Viewer, qtbot: QtBot) -> None:
        self.viewer, self.layers, self.qtbot = viewer, viewer.layers, qtbot
        self.store = Store()
        self.inbox: Inbox[ToWindow] = Inbox(lambda: None)
        self.out: Inbox[ToReceiver] = Inbox(lambda: None)
        presence = Presence(title="t", viewer_run="v", clock=FakeClock())
        self.window = Window(viewer, self.store, self.inbox, self.out, presence, answer)
        self.dock: Navigation = add_navigation(self.window)
        self.window.listen()

    def show(
        self,
        pixels: Array,
        *,
        kind: str = "image",
        axes: str = "yx",
        run: str = "",
        step: Step | None = None,
        display: DisplayConfiguration | None = None,
        **components: int | str,
    ) -> None:
        """Let an image arrive, and draw the frame that shows it."""
        spec = ImageSpec(shape=pixels.shape, dtype=pixels.dtype.name, axes=tuple(axes), kind=kind)
        ready = ImageReady(
            sequence=1,
            address=ImageAddress(run=run, step=step, components=Components(**components)),
            spec=spec,
            pixels=FrameRef(frame=1, nbytes=spec.nbytes),
            display=display or DisplayConfiguration(),
        )
        self.tell(ArrivedImage(ready, self.store.keep(spec, pixels.tobytes()), "w", 0.0))

    def tell(self, entry: ToWindow) -> None:
        """Let something arrive, and draw its frame."""
        self.inbox.put(entry)
        self.settle()

    def settle(self) -> None:
        """Wait until all that arrived is drawn and painted."""
        pace = self.window._pace
        self.qtbot.waitUntil(lambda: not pace.is_drawing, timeout=PATIENCE_MILLISECONDS)

    def ask(self, request: WindowRequest) -> object:
        """Ask the window something and return its reply."""
        while self.out.take() is not None:
            pass
        self.tell(Question(b"me", request))
        self.qtbot.waitUntil(lambda: len(self.out) > 0, timeout=PATIENCE_MILLISECONDS)
        reply = self.out.take()
        assert isinstance(reply, Answer), reply
        return reply.message

    def press(self, key: str) -> None:
        """Press a key while the canvas has the keyboard."""
        self.qtbot.keyClick(self.canvas, getattr(Qt.Key, f"Key_{key}"))
        self.settle()

    def type(self, widget: QWidget, text: str) -> None:
        """Type into a field of the dock and press Enter."""
        self.qtbot.keyClicks(widget, text)
        self.qtbot.keyClick(widget, Qt.Key.Key_Return)

    @property
    def canvas(self) -> QWidget:
        """What takes the keys of the viewer."""
        return next(w for w in QApplication.allWidgets() if "Canvas" in type(w).__name__ and w.isVisible())

    @property
    def text(self) -> str:
        """What the canvas says."""
        text = self.viewer.canvas.overlays.text
        return text.text if text.visible else ""

    @property
    def at(self) -> dict[str, object]:
        """Where the sliders stand, as far as that means something."""
        return {c: value for c, value in self.window.sliders.at.items() if value is not None}

    def picture(self, *, canvas_only: bool = True) -> npt.NDArray[np.uint8]:
        """Return what is seen: red, green, blue."""
        self.qtbot.wait(1)  # a turn of the loop, in which Qt lays out
        pixels: npt.NDArray[np.uint8] = self.viewer.screenshot(canvas_only=canvas_only, flash=False)
        return pixels[..., :3]


@pytest.fixture
def screen(make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot) -> Iterator[Screen]:
    """A window of which nothing was asked yet."""
    screen = Screen(make_napari_viewer(show=True), qtbot)
    yield screen
    screen.window.stop_listening()
