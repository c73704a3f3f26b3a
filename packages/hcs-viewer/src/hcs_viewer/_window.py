"""The napari window: what arrived is laid out within a budget of time, and drawn at a pace it can keep up.

Everything here runs on the window's thread; `Inbox` is where it meets the receiver's.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import napari
from napari.layers import Layer
from napari.utils.events import Event
from qtpy.QtCore import QTimer

from hcs_protocol import COMPONENTS, Pong, RunEnded, RunStarted, StepProgress

from ._axes import Position, Value
from ._colours import ChannelColours
from ._drawing_context import DrawingContext
from ._follow import Follow
from ._frames import Frames
from ._inbox import (
    ArrivedImage,
    ImagesBack,
    Inbox,
    Question,
    RunNews,
    ShownImage,
    ToReceiver,
    ToWindow,
    Trouble,
)
from ._layer_models import LayerModel
from ._layers import ShownLayer, TooManyLayersError, rename
from ._layout import Layout
from ._notices import Notices
from ._pace import Pace
from ._pins import Pins
from ._presence import Presence
from ._runs import Runs
from ._shared_contrast import SharedContrast
from ._shown_layers import ShownLayers
from ._side_by_side import SideBySide
from ._sliders import Sliders
from ._store import Store
from ._view import View
from ._visibility import Visibility

logger = logging.getLogger(__name__)

BEAT_MILLISECONDS = 200
MOST_LAYERS = 200
"""With more of them napari takes longer to add the next one than a user waits."""


class Window:
    """The layers of one napari viewer, fed from the inbox."""

    def __init__(
        self,
        viewer: napari.Viewer,
        store: Store,
        inbox: Inbox[ToWindow],
        to_receiver: Inbox[ToReceiver],
        presence: Presence,
        answer: Callable[["Window", Question], None],
        pace: Pace | None = None,
        notices: Notices | None = None,
    ) -> None:
        self.viewer = viewer
        self.store = store
        self.layout = Layout()
        self.shown = ShownLayers(viewer)
        self.sliders = Sliders(viewer, self.layout, self.shown.from_bottom)
        self.follow = Follow()
        self.runs = Runs()
        self.pins = Pins(viewer, self.sliders, self.shown.from_bottom)
        self.side_by_side = SideBySide(viewer, self.sliders, self.shown.from_bottom)
        self.pins.changed = self.side_by_side.arrange
        self._view = View(viewer, self.shown.from_bottom)
        self.visibility = Visibility(
            viewer, self.layout, self.sliders, self.side_by_side, self._view, self.shown.from_bottom
        )
        self.side_by_side.ended = self.visibility.arrange
        self.to_receiver = to_receiver
        self.end: Callable[[], None] = viewer.close
        """What is done when somebody asks the viewer to end."""
        self.see_status: Callable[[Pong], None] = lambda pong: None
        """Told what the receiver answers to a `StatusRequest`."""
        self._notices = notices or Notices(lambda text: None, presence.clock)
        self._inbox = inbox
        self._presence = presence
        self._answer = answer
        self._colours = ChannelColours()
        self._contrast = SharedContrast()
        self._drawing_context = DrawingContext(viewer)
        self._left_out: set[int] = set()
        """Models that have no layer since there are too many."""
        self._drawn_growth = 0
        self._changed: dict[int, tuple[ShownLayer, set[Position]]] = {}
        self._arrived: list[ArrivedImage] = []
        self.frames = Frames(pace or Pace(time.perf_counter), self._frame)
        self._beat = QTimer()
        self._beat.timeout.connect(self._give_sign)

    def listen(self) -> None:
        """Begin to take in what arrives, and to give signs of life."""
        self.sliders.listen()
        self.sliders.watch(lambda by_hand: self.follow.pause() if by_hand else None)
        self.sliders.watch(lambda _: self.visibility.arrange())
        self.pins.listen()
        self.viewer.layers.events.inserted.connect(self._on_inserted)
        self.viewer.dims.events.ndisplay.connect(self.visibility.arrange)
        self._view.listen()
        self._drawing_context.listen()
        self.viewer.canvas.events.size.connect(self.side_by_side.arrange)
        self._presence.see_window()
        self._beat.start(BEAT_MILLISECONDS)
        self._inbox.wake_by(self.frames.ring)

    def stop_listening(self) -> None:
        """Take nothing in any more: the napari window is about to go."""
        self.frames.end()
        self._drawing_context.stop_listening()
        self._beat.stop()
        self._inbox.wake_by(lambda: None)

    def draw(self) -> None:
        """Bring the window up to date: sliders first, then each changed layer that is looked at."""
        with self.sliders.ours():
            moved = False
            with self._going_on("a frame"):  # what cannot grow or move is drawn where it is
                moved = self._grow_and_move()
            with self._going_on("contrast"):
                self._contrast.draw()
            if self._changed:
                self.visibility.arrange()
            if self.sliders.is_nowhere:  # but perhaps not any more
                self.sliders.tell()
            for shown, positions in self._changed.values():
                if shown.is_in(self.viewer):
                    with self._going_on(shown.model.name):
                        is_stale = not moved  # else napari has just drawn it
                        shown.update(is_stale and self.sliders.stand_at(shown, positions))
                else:
                    self._notices.kept_away(shown.model.name)
            if self._changed:
                self._refresh(self.shown.duplicates())
        self._changed.clear()
        self.store.reserve(sum(shown.texture_nbytes(self.viewer) for shown in self.shown.from_bottom()))
        now = self._presence.clock()
        for image in self._arrived:
            shown_after = now - image.adopted_at
            self.to_receiver.put(ShownImage(image.worker_run, image.ready.sequence, shown_after))
        self._arrived.clear()

    def remove(self, models: list[LayerModel]) -> None:
        """Remove layers, and their images from the store."""
        with self.sliders.ours(), self.viewer.layers.batched_update():  # else 0.2 s each
            for model in models:
                self._left_out.discard(id(model))
                self.shown.remove(model)
        for number in self.layout.remove(models):
            self.store.forget(number)
        runs = {model.run for model in self.layout.layers}
        self.follow.keep(runs)
        self.side_by_side.arrange()
        self.runs.keep(runs)
        self.visibility.arrange()
        if not self.layout.layers:
            self._view.clear()
            self.pins.clear()
            self.sliders.clear()

    def close_soon(self) -> None:
        """Close the window once the present answer is on its way; a second time is harmless."""
        if self._presence.state != "closing":
            self._presence.state = "closing"
            QTimer.singleShot(0, self.end)

    def _frame(self) -> None:
        """Lay out what arrived, as far as this frame's budget goes, and draw it."""
        self._presence.see_window()
        self.layout.axes.held = self.shown.spanned_by_others()
        while (entry := self._inbox.take()) is not None:
            with self._going_on(type(entry).__name__):
                self._take(entry)
            if self.frames.pace.is_spent:
                self.frames.want()  # an inbox that was not seen empty does not wake again
                break
        with self._going_on("a frame"):
            self.draw()

    def _take(self, entry: ToWindow) -> None:
        match entry:
            case ArrivedImage():
                self._place(entry)
            case ImagesBack(looker=looker):
                self._draw_again(looker)
            case Question():
                self.draw()
                self._answer(self, entry)
            case RunStarted() | StepProgress() | RunEnded():
                self._take_news(entry)
            case Pong() | Trouble():
                self._pass_on(entry)

    def _take_news(self, news: RunNews) -> None:
        self.runs.take(news)
        if isinstance(news, RunStarted):
            self.layout.declare(news)
            self.follow.keep({news.run, *(model.run for model in self.layout.layers)})
            self.follow.declare(news)
        if isinstance(news, RunEnded):
            self._notices.run_ended(news)

    def _pass_on(self, word: Pong | Trouble) -> None:
        if isinstance(word, Pong):
            self.see_status(word)
        else:
            self._notices.trouble(word)

    def _place(self, image: ArrivedImage) -> None:
        placement = self.layout.place(image.ready, image.number)
        model = placement.layer
        self.follow.arrived(model, placement.positions, image)
        for number in placement.replaced:
            self.store.forget(number)
        rename(shown for renamed in placement.renamed if (shown := self.shown.of(renamed)))
        is_the_users = self.shown.let_go(model)
        shown = self.shown.of(model)
        if shown is not None:
            shown.add(image.number)
        elif is_the_users:
            shown = self._add_layer(model, image, {})
        elif placement.is_new_layer or id(model) in self._left_out:
            shown = self._add_layer(model, image, self._moved(model, placement.positions[0]))
        if shown is None:
            return  # napari could not make its layer, or not one more, which is in the log
        self._changed.setdefault(id(model), (shown, set()))[1].update(placement.positions)
        self._arrived.append(image)

    def _draw_again(self, looker: object) -> None:
        for shown in self.shown:
            if shown.stack is looker:
                here = self.layout.position_of(shown.model, self.sliders.at | shown.model.pinned)
                self._changed.setdefault(id(shown.model), (shown, set()))[1].add(here)
                return
        self._refresh(layer for layer in self.shown.duplicates() if layer.data is looker)

    def _refresh(self, duplicates: Iterable[Layer]) -> None:
        for layer in duplicates:
            if layer.visible:
                layer.refresh(thumbnail=True, highlight=False, extent=False)

    def _add_layer(
        self, model: LayerModel, image: ArrivedImage, moved: dict[str, Value]
    ) -> ShownLayer | None:
        if len(self.viewer.layers) >= MOST_LAYERS:
            self._leave_out(model)
            return None
        self._left_out.discard(id(model))
        self.frames.pace.is_adding = True
        with self.sliders.ours(), self.side_by_side.adding():
            ready = image.ready
            colormap = self._colours.of(ready.address.components.channel, ready.spec.emission_wavelength)
            shown = ShownLayer(self.layout, model, self.store, image.number, colormap, self._contrast)
            shown.add_to(self.viewer, [*self.shown, shown])
            self.shown.add(shown)
            self.pins.add(model)
            self._watch(shown)
            self.sliders.go_to(moved, is_new=True)
        return shown

    def _watch(self, shown: ShownLayer) -> None:
        shown.layer.events.visible.connect(self.sliders.follow_axes, position="last")  # it may have grown

    def _on_inserted(self, event: Event) -> None:
        shown = self.shown.take_over(event.value)
        if shown is not None:
            self._watch(shown)
            self.visibility.arrange()
            self.sliders.tell()
        self.shown.lock_duplicates()

    def _leave_out(self, model: LayerModel) -> None:
        is_first = not self._left_out
        self._left_out.add(id(model))
        if is_first:
            raise TooManyLayersError(MOST_LAYERS)

    def _moved(self, model: LayerModel, position: Position) -> dict[str, Value]:
        """Return where the sliders have to go when this new layer comes, of which this is the first image."""
        first = dict(zip(COMPONENTS, position, strict=True))
        return {c: value for c, value in first.items() if not self._may_stay(c, model)}

    def _may_stay(self, component: str, model: LayerModel) -> bool:
        """Say whether a slider can stay where it is when this new layer comes.

        A run that begins hides the one before; where it will have no image, nobody should be left to look.
        """
        value, axes = self.sliders.at[component], self.layout.axes
        if value not in axes[component]:
            return False
        runs = {shown.model.run for shown in self.shown}
        is_new_run = model.run not in runs
        return not (is_new_run and model.moves(component)) or axes.expects(model.run, component, value)

    def _grow_and_move(self) -> bool:
        """Let stacks and sliders grow, go to what is followed, and say whether that moved the sliders."""
        if self.layout.growth != self._drawn_growth:
            self._grow()
        wanted = self.follow.wanted(self.sliders.at, self.visibility.can_show)
        return wanted is not None and self.sliders.go_to(wanted)

    def _grow(self) -> None:
        self._drawn_growth = self.layout.growth
        for shown in self.shown:
            if shown.is_in(self.viewer):
                with self._going_on(shown.model.name):
                    shown.grow()
        for layer in self.shown.duplicates():
            layer.data = layer.data
        self.shown.lock_duplicates()  # which napari forgot
        self.side_by_side.arrange()
        self.sliders.follow_axes()

    def _give_sign(self) -> None:
        self._presence.see_window()
        self._notices.store_problem(self.store.problem)

    @contextmanager
    def _going_on(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # the outermost loop: one image must not stop the others
            logger.exception("not drawn what=%s", what)
            self._notices.not_drawn(what, error)
