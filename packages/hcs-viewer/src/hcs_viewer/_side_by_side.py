"""All steps of a run beside each other at the same position: a cell per step, and one camera for all.

napari's own grid gives each cell as many layers as the other, in the order of the list, and steps have
unequal numbers of them in between each other. So layers are moved, and put back when it is over.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import napari
import numpy as np
import numpy.typing as npt
from napari.utils.events import Event

from ._cells import Cells, Corner, Size, best_cells
from ._layers import ShownLayer
from ._sliders import Sliders
from ._titles import Titles

CAMERA = ("center", "zoom", "angles")


@dataclass
class _Before:
    """How the window was before."""

    ndisplay: int
    camera: tuple[Any, ...]
    had_layers: bool
    visible: dict[ShownLayer, bool] = field(default_factory=dict)
    """What the user shows or hides meanwhile is taken out: that stays."""
    translate: dict[ShownLayer, npt.NDArray[np.float64]] = field(default_factory=dict)

    def forget_all_but(self, layers: Sequence[ShownLayer]) -> None:
        """Forget the layers that are gone, or their images would stay in memory."""
        for kept in (self.visible, self.translate):
            for shown in kept.keys() - set(layers):
                del kept[shown]


class SideBySide:
    """Moves the layers of a run's steps into cells, and back."""

    def __init__(
        self, viewer: napari.Viewer, sliders: Sliders, layers: Callable[[], Sequence[ShownLayer]]
    ) -> None:
        """Leave everything where it is.

        Args:
            viewer: Shows the layers.
            sliders: Say on the canvas which step is seen, if it is one.
            layers: Returns our layers in the window, from bottom to top.
        """
        self.ended: Callable[[], None] = lambda: None
        """Called when everything is back."""
        self._viewer = viewer
        self._sliders = sliders
        self._layers = layers
        self._before: _Before | None = None
        self._titles = Titles(viewer)
        self._fitted: tuple[Any, ...] | None = None
        """Where the camera was put when the cells were last brought into view."""
        self._fitted_to: tuple[Cells, int, Size] | None = None
        self._is_ours = False

    @property
    def is_on(self) -> bool:
        """Say whether the steps are side by side."""
        return self._before is not None

    def turn_on(self) -> None:
        """Show all steps side by side; a second time is harmless."""
        if self._before is None:
            self._before = _Before(self._viewer.dims.ndisplay, self._camera(), bool(self._layers()))
            self._sliders.says_step = False
            self._unlink()
            self.arrange()

    def turn_off(self) -> None:
        """Put everything back as it was; a second time is harmless."""
        before, self._before = self._before, None
        if before is None:
            return
        for shown in self._moved(before):
            shown.layer.events.visible.disconnect(self._on_visible)
            shown.stand(before.translate[shown], visible=before.visible.get(shown, shown.layer.visible))
        self._titles.remove()
        self._fitted = self._fitted_to = None
        if before.had_layers and before.ndisplay == self._viewer.dims.ndisplay:
            self._put_back_camera(before.camera)
        else:
            self._viewer.reset_view()
        self._sliders.says_step = True
        self._sliders.tell()
        self.ended()

    @contextmanager
    def adding(self) -> Iterator[None]:
        """Let a layer be added meanwhile, and give it its place."""
        try:
            yield
        finally:  # a layer that was added only in part has its place, too
            self.arrange()

    def arrange(self) -> None:
        """Give each layer its place, as far as it has not got it; without effect if this is off."""
        before, layers = self._before, self._layers()
        if before is None:
            return
        before.forget_all_but(self._moved(before))
        for shown in layers:
            self._remember(shown, before)
        run = _run_looked_at(layers, before)
        here = [shown for shown in layers if shown.model.key.run == run]
        steps = sorted({shown.model.key.step for shown in here}, key=lambda step: step.index if step else -1)
        cells = best_cells(max(1, len(steps)), _largest(here), self._viewer.canvas.size)
        corners = {step: cells.corner(number) for number, step in enumerate(steps)}
        with self._ours():
            for shown in layers:
                self._put(shown, before, corners.get(shown.model.key.step) if shown in here else None)
            self._sliders.tell()
            lines = 1 + self._viewer.canvas.overlays.text.text.count("\n")
            self._titles.write(corners, cells, lines)
        fits = (cells, lines, self._viewer.canvas.size)
        if here and fits != self._fitted_to:
            self._fit(here)
            self._fitted_to = fits

    def _moved(self, before: _Before) -> list[ShownLayer]:
        """Return what was moved and is in the window, also if the user made it his own meanwhile."""
        return [shown for shown in before.translate if shown.layer in self._viewer.layers]

    def _unlink(self) -> None:
        """Let layers that the user linked be seen in different places."""
        if layers := [shown.layer for shown in self._layers()]:
            self._viewer.layers.unlink_layers(layers, ("translate", "visible"))

    def _remember(self, shown: ShownLayer, before: _Before) -> None:
        if shown not in before.translate:
            before.translate[shown] = shown.layer.translate.copy()
            before.visible[shown] = shown.layer.visible
            shown.layer.events.visible.connect(self._on_visible)

    def _put(self, shown: ShownLayer, before: _Before, corner: Corner | None) -> None:
        translate = before.translate[shown].copy()
        translate[-2:] += corner or (0.0, 0.0)
        is_free = shown in before.visible
        shown.stand(translate, visible=corner is not None if is_free else shown.layer.visible)

    def _fit(self, here: Sequence[ShownLayer]) -> None:
        """Bring all cells into view, unless the user has moved the camera since."""
        if self._fitted in {None, self._camera()}:
            seen = [*(shown.layer for shown in here), *self._titles.layers]
            self._viewer.reset_view(layers=seen, reset_camera_angle=False)
            self._fitted = self._camera()

    def _put_back_camera(self, camera: tuple[Any, ...]) -> None:
        for name, value, now in zip(CAMERA, camera, self._camera(), strict=True):
            if value != now:  # to set its angles takes a library that is slow to import
                setattr(self._viewer.scene.camera, name, value)

    def _camera(self) -> tuple[Any, ...]:
        camera = self._viewer.scene.camera
        return (tuple(camera.center), camera.zoom, tuple(camera.angles))

    def _on_visible(self, event: Event) -> None:
        before = self._before
        if before is not None and not self._is_ours:
            for shown in [shown for shown in before.visible if shown.layer is event.source]:
                del before.visible[shown]

    @contextmanager
    def _ours(self) -> Iterator[None]:
        self._is_ours = True
        try:
            yield
        finally:
            self._is_ours = False


def _run_looked_at(layers: Sequence[ShownLayer], before: _Before) -> str | None:
    """Return the run of the topmost layer that was visible before, or of the topmost of all."""
    seen = [shown for shown in layers if before.visible.get(shown, shown.layer.visible)]
    top = (seen or [*layers])[-1:]
    return top[0].model.key.run if top else None


def _largest(layers: Sequence[ShownLayer]) -> Size:
    sizes = [np.asarray(shown.layer.scale[-2:]) * shown.model.shape[:2] for shown in layers]
    height, width = np.max(sizes, axis=0) if sizes else (1.0, 1.0)
    return float(height), float(width)
