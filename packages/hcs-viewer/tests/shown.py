"""A real napari window on a virtual screen, fed through its inbox, asked through it as well."""

import time
from collections.abc import Iterable

import napari
import numpy as np
import numpy.typing as npt
from pytestqt.qtbot import QtBot

from hcs_protocol import (
    Components,
    DisplayConfiguration,
    FrameRef,
    GetImage,
    GetState,
    ImageAddress,
    ImagePixels,
    ImageReady,
    ImageSpec,
    Message,
    State,
    Step,
)
from hcs_protocol.testing import FakeClock
from hcs_viewer._answers import answer
from hcs_viewer._inbox import (
    Answer,
    ArrivedImage,
    Inbox,
    Question,
    ShownImage,
    ToReceiver,
    ToWindow,
    WindowRequest,
)
from hcs_viewer._notices import Notices
from hcs_viewer._pace import Pace
from hcs_viewer._presence import Presence
from hcs_viewer._store import KeptImage, Store
from hcs_viewer._window import Window

PATIENCE_MILLISECONDS = 20_000

Array = npt.NDArray[np.generic]


class WatchedStore(Store):
    """A store that remembers which images were looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at: list[int] = []
        self.sampled: list[int] = []

    def look(
        self, looker: object, numbers: Iterable[int], copied_nbytes: int = 0
    ) -> dict[int, KeptImage] | None:
        self.looked_at += numbers
        return super().look(looker, numbers, copied_nbytes)

    def sample(self, number: int) -> Array:
        self.sampled.append(number)
        return super().sample(number)


class Restless(Pace):
    """A pace without rests: nobody's hand is at the window, and a test would wait for nothing."""

    def rest_seconds(self) -> float:
        super().rest_seconds()
        return 0.0


class Shown:
    """A window, and what stands in for the receiver."""

    def __init__(self, viewer: napari.Viewer, qtbot: QtBot, store: Store | None = None) -> None:
        self.viewer, self.layers = viewer, viewer.layers
        self.store = WatchedStore() if store is None else store
        self.inbox: Inbox[ToWindow] = Inbox(lambda: None)
        self.out: Inbox[ToReceiver] = Inbox(lambda: None)
        self.clock = FakeClock()
        presence = Presence(title="t", viewer_run="v", clock=self.clock)
        pace = Restless(time.perf_counter)
        self.told: list[str] = []
        """What the user was told."""
        notices = Notices(self.told.append, self.clock)
        self.window = Window(viewer, self.store, self.inbox, self.out, presence, answer, pace, notices)
        self.window.listen()
        self.shown = 0
        self._qtbot = qtbot

    def arrived(
        self,
        pixels: Array,
        *,
        kind: str = "image",
        axes: str = "yx",
        run: str = "",
        step: Step | None = None,
        display: DisplayConfiguration | None = None,
        wavelength: float | None = None,
        z_step: float | None = None,
        **components: int | str,
    ) -> ArrivedImage:
        """Keep an image as the receiver does."""
        spec = ImageSpec(
            shape=pixels.shape,
            dtype=pixels.dtype.name,
            axes=tuple(axes),
            kind=kind,
            emission_wavelength=wavelength,
            z_step=z_step,
        )
        ready = ImageReady(
            sequence=1,
            address=ImageAddress(run=run, step=step, components=Components(**components)),
            spec=spec,
            pixels=FrameRef(frame=1, nbytes=spec.nbytes),
            display=display or DisplayConfiguration(),
        )
        return ArrivedImage(ready, self.store.keep(spec, pixels.tobytes()), "w", self.clock() - 0.5)

    def show(self, pixels: Array, **address: object) -> None:
        """Let an image arrive and wait until it is said to be shown."""
        wanted = self.shown + 1
        self.inbox.put(self.arrived(pixels, **address))
        self.wait_for_shown(wanted)

    def wait_for_shown(self, wanted: int) -> None:
        def look() -> bool:
            while (entry := self.out.take()) is not None:
                assert entry == ShownImage("w", 1, 0.5), entry
                self.shown += 1
            return self.shown >= wanted

        self._qtbot.waitUntil(look, timeout=PATIENCE_MILLISECONDS)

    def ask(self, request: WindowRequest) -> Answer:
        """Ask the window something and wait for its answer."""
        found: list[Answer] = []

        def look() -> bool:
            while (entry := self.out.take()) is not None:
                if isinstance(entry, Answer):
                    found.append(entry)
            return bool(found)

        self.inbox.put(Question(b"me", request))
        self._qtbot.waitUntil(look, timeout=PATIENCE_MILLISECONDS)
        assert found[0].identity == b"me"
        return found[0]

    def answer_to(self, request: WindowRequest) -> Message:
        return self.ask(request).message

    def state(self) -> State:
        state = self.answer_to(GetState(id="s"))
        assert isinstance(state, State), state
        return state

    def looked_at(self, layer: str = "Image") -> Array:
        """Return the plane that the sliders stand at."""
        answered = self.ask(GetImage(id="g", layer=layer))
        assert isinstance(answered.message, ImagePixels), answered.message
        spec = answered.message.spec
        return np.frombuffer(answered.frames[0], spec.dtype).reshape(spec.shape)


def plane(value: int, shape: tuple[int, ...] = (32, 48), dtype: str = "uint16") -> Array:
    return np.full(shape, value, dtype)


def ramp(top: int = 1000) -> Array:
    return np.linspace(0, top, 32 * 48).reshape(32, 48).astype(np.uint16)
