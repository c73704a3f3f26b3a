"""One napari layer for one layer of the layout: what it looks like, and what the user made of it."""

import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import ClassVar

import napari
import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels

from hcs_protocol import COMPONENTS

from ._colours import is_transmitted
from ._contrast import GreyValues, Limits, grey_limits, rounded
from ._layer_models import LayerModel, Z
from ._layout import Layout
from ._shared_contrast import SharedContrast
from ._stacks import Stack
from ._store import Store

TEXTURE_NBYTES = {"bool": 1, "uint8": 1, "uint16": 2, "float32": 4}
OTHER_TEXTURE_NBYTES = 4
"""Of a pixel on the graphics card: what it does not know goes there as float32."""
LABELS_OPACITY = 0.9
LABELS_CONTOUR = 2
"""Labels are outlines of so many pixels: what they are about stays visible; 0 fills them."""
COLOUR_LIMITS = {"bool": (0.0, 1.0), "uint8": (0.0, 255.0)}
"""Of colours whose dtype says how bright they can be."""
CHANNEL = COMPONENTS.index("channel")


class TooManyLayersError(RuntimeError):
    """The window has as many layers as napari can bear."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most

    def __str__(self) -> str:
        return (
            f"there are {self.most} layers already; images of further ones are kept but have none"
            " until some are removed: stack more components, for example wells"
        )


class ShownLayer:
    """A layer in the window; what the user sets by hand is never set again from here."""

    _are_ours: ClassVar[bool] = False
    """Whether what changes now is no wish of the user's, also in a layer that he linked with ours."""

    def __init__(
        self,
        layout: Layout,
        model: LayerModel,
        store: Store,
        number: int,
        colormap: str,
        contrast: SharedContrast,
    ) -> None:
        """Make the layer.

        Args:
            layout: Knows where in it the images are.
            model: What is known of it.
            store: Has the images.
            number: Of the first of them.
            colormap: Its channel's, for images that do not say one.
            contrast: What all layers share.
        """
        self.model = model
        channel = model.key.sliced[CHANNEL] if model.key.kind == "image" else None
        self.is_transmitted = channel is not None and is_transmitted(channel)
        """Whether it is a channel of light that went through the cells."""
        self.is_fluorescence = channel is not None and not self.is_transmitted
        """Whether it is a channel of other light, as far as its name says."""
        self._channel_colormap = colormap
        self._layout = layout
        self._store = store
        self._set_by_user: set[str] = set()
        self._has_grown = False
        self._contrast = contrast
        is_colour = bool(model.key.colours)
        self._given_limits = (
            COLOUR_LIMITS.get(model.dtype) if is_colour else model.first.display.contrast_limits
        )
        self._greys = GreyValues()
        self._sample(number)
        self._given_name = model.name
        self._given_scale = self._scale()
        self.stack = Stack(layout, model, store)
        self.layer: Image | Labels = self._make(self.stack)
        self._watch()
        self._lock()
        if self.own_limits is not None:
            contrast.note(self)

    @property
    def world_size(self) -> tuple[float, float]:
        """Height and width in the units of the window: micrometres where they are known, else pixels."""
        height, width = self.model.first.spec.pixel_size or (1.0, 1.0)
        return self.model.shape[0] * height, self.model.shape[1] * width

    def texture_nbytes(self, viewer: napari.Viewer) -> int:
        """Return what the graphics card holds of this layer; of a hidden one nothing new comes to it."""
        if not self.layer.visible:
            return 0
        planes = self._layout.shape[Z] if viewer.dims.ndisplay == 3 and self.model.moves("z_index") else 1
        pixel = TEXTURE_NBYTES.get(self.model.dtype, OTHER_TEXTURE_NBYTES)
        return planes * math.prod(self.model.shape) * pixel

    def is_in(self, viewer: napari.Viewer) -> bool:
        """Say whether the user left this layer in the window, and our images in it."""
        return self.layer in viewer.layers and self.layer.data is self.stack

    def is_the_users(self, viewer: napari.Viewer) -> bool:
        """Say whether the layer is in the window and shows pixels of the user's own."""
        return self.layer.data is not self.stack and self.layer in viewer.layers

    def take_over(self, layer: Image | Labels) -> None:
        """Show our images in a layer that napari made of this one, such as labels of an image."""
        self.layer = layer
        self._watch()
        self._lock()
        if isinstance(layer, Image):  # for which napari has looked at one plane
            self._contrast.leave(self)
            self._contrast.note(self)

    def add_to(self, viewer: napari.Viewer, others: Iterable["ShownLayer"]) -> None:
        """Put the layer into the window, above those of earlier steps and the user's own that were there."""
        layout, places = self._layout, {id(layer): place for place, layer in enumerate(viewer.layers)}
        present = [other for other in others if id(other.layer) in places]
        rank = layout.rank(self.model)
        below = [places[id(other.layer)] for other in present if layout.rank(other.model) <= rank]
        above = [places[id(other.layer)] for other in present if layout.rank(other.model) > rank]
        place = max(below) + 1 if below else min(above, default=len(viewer.layers))
        selected = set(viewer.layers.selection)
        viewer.layers.insert(place, self.layer)
        viewer.layers.selection = selected or {self.layer}
        self._given_name = self.layer.name  # which napari may have changed to make it unique

    @property
    def is_projected(self) -> bool:
        """Whether the user has napari project a slice that is thicker than one plane."""
        return bool(self.layer.projection_mode != "none")

    @property
    def is_hidden_by_hand(self) -> bool:
        """Whether the user hid the layer."""
        return "visible" in self._set_by_user and not self.layer.visible

    def see(self, visible: bool) -> None:
        """Show or hide the layer, unless the user set its visibility by hand."""
        if visible != self.layer.visible and "visible" not in self._set_by_user:
            with self._ours():
                self.layer.visible = visible

    def is_as_wanted(self, visible: bool) -> bool:
        """Say whether the layer is shown, or hidden, as wanted; what the user set by hand is."""
        return self.layer.visible == visible or "visible" in self._set_by_user

    def set_visible(self, visible: bool) -> None:
        """Show or hide the layer for somebody who asked for it, as if by hand."""
        self._set_by_user.add("visible")
        self.layer.visible = visible

    def stand(self, translate: npt.NDArray[np.float64], *, visible: bool) -> None:
        """Move and show the layer, or hide it, for a while: no wish of the user's."""
        with self._ours():  # each change makes napari draw, also one to what is there already
            if self.layer.visible and not visible:
                self.layer.visible = False
            if not np.array_equal(self.layer.translate, translate):
                self.layer.translate = translate
            if visible and not self.layer.visible:
                self.layer.visible = True

    @property
    def has_given_name(self) -> bool:
        """Whether the user left the name that the layer was given."""
        return bool(self.layer.name == self._given_name)

    def take_name(self) -> None:
        """Take over the model's name."""
        self.layer.name = self.model.name
        self._given_name = self.layer.name

    @property
    def shares_with(self) -> Hashable:
        """What layers have in common that may share their contrast: run, channel, dtype, colours or none."""
        key = self.model.key
        return key.run, key.sliced[CHANNEL], key.dtype, bool(key.colours)

    @property
    def own_limits(self) -> Limits | None:
        """The contrast that its images ask for, None as long as all are 0."""
        limits = self._greys.limits
        if limits and self.model.key.colours:
            limits = _colour_limits(limits, self.model.dtype)
        return limits and rounded(limits, self.model.dtype)

    def add(self, number: int) -> None:
        """Take the grey values of a further image in the store into account, where they matter."""
        if self._sample(number):
            self._contrast.note(self)

    def show_limits(self, limits: Limits) -> None:
        """Draw with these limits, unless the user set others by hand."""
        layer = self.layer
        if not isinstance(layer, Image) or "contrast_limits" in self._set_by_user:
            return  # the user may have made labels of it
        if tuple(layer.contrast_limits) != limits:
            with self._ours():
                self._set_limits(layer, limits)

    def forget(self) -> None:
        """Let the other layers do without this one."""
        self._contrast.leave(self)

    def grow(self) -> None:
        """Tell napari that the stack knows its z-step now, and has grown; a hidden layer when it is shown."""
        with self._ours():
            if (scale := self._scale()) != self._given_scale:
                self.layer.scale = self._given_scale = scale
            self._has_grown = not self.layer.visible
            if not self._has_grown:
                self.layer.data = self.layer.data
                self._lock()  # which napari forgot

    def update(self, is_looked_at: bool) -> None:
        """Draw the plane anew if it is the one that is looked at."""
        with self._ours():
            if is_looked_at and self.layer.visible:
                self.layer.refresh(thumbnail=True, highlight=False, extent=False)

    def _sample(self, number: int) -> bool:
        if self.model.key.kind == "labels" or self._given_limits is not None:
            return False
        self._greys.add(grey_limits(self._store.sample(number)))
        return True

    def _make(self, stack: Stack) -> Image | Labels:
        common = {"name": self._given_name, "scale": self._given_scale, "multiscale": False}
        if self.model.key.kind == "labels":
            labels = Labels(stack, opacity=LABELS_OPACITY, **common)
            labels.contour = LABELS_CONTOUR
            return labels
        is_colour = bool(self.model.key.colours)
        limits = self._given_limits or self.own_limits or (0.0, 1.0)
        image = Image(
            stack,
            rgb=is_colour,
            contrast_limits=limits,
            colormap="gray" if is_colour else self._colormap(),
            blending="translucent" if is_colour else "additive",
            projection_mode="none",
            **common,
        )
        self._set_limits(image, limits)
        return image

    def _colormap(self) -> str:
        wanted = self.model.first.display.colormap
        known = napari.utils.colormaps.AVAILABLE_COLORMAPS
        return wanted if wanted is not None and wanted in known else self._channel_colormap

    def _scale(self) -> tuple[float, ...]:
        height, width = self.model.first.spec.pixel_size or (1.0, 1.0)
        return (*[1.0] * (len(COMPONENTS) - 1), self._layout.z_step or 1.0, height, width)

    def _set_limits(self, image: Image, limits: Limits) -> None:
        image.contrast_limits_range = _slider_range(limits, self.model.dtype)
        image.contrast_limits = limits

    def _lock(self) -> None:
        """Let nobody paint: the pixels cannot be written. An image may be transformed."""
        if isinstance(self.layer, Labels):
            self.layer.editable = False

    def _watch(self) -> None:
        for name in ("visible", "contrast_limits"):
            if hasattr(self.layer, name):
                getattr(self.layer.events, name).connect(self._noting(name))
        self.layer.events.visible.connect(self._catch_up)

    def _catch_up(self) -> None:
        if self._has_grown and self.layer.visible:
            self.grow()

    def _noting(self, name: str) -> Callable[[], None]:
        def note() -> None:
            if not ShownLayer._are_ours:
                self._set_by_user.add(name)

        return note

    @contextmanager
    def _ours(self) -> Iterator[None]:
        before, ShownLayer._are_ours = ShownLayer._are_ours, True
        try:
            yield
        finally:
            ShownLayer._are_ours = before


def _colour_limits(limits: Limits, dtype: str) -> Limits:
    """Return limits that keep black black, or the hues would change, and floats up to 1 what they are."""
    low, high = limits
    return min(0.0, low), max(1.0, high) if dtype.startswith("float") else high


def _slider_range(limits: Limits, dtype: str) -> Limits:
    """Return how far the contrast sliders go: the dtype's range if it is small, else some way beyond."""
    if dtype in {"uint8", "bool"}:
        return (0.0, 255.0)
    reach = max(abs(limits[0]), abs(limits[1]), 1e-9) * 2
    low = min(0.0, -reach if limits[0] < 0 else 0.0)
    high = min(reach, float(np.iinfo(dtype).max)) if np.issubdtype(dtype, np.integer) else reach
    return (low, high)


def rename(layers: Iterable[ShownLayer]) -> None:
    """Let layers take over the names of their models, unless the user gave them one."""
    ours = [shown for shown in layers if shown.has_given_name]
    for shown in ours:
        shown.layer.name = str(id(shown))  # their names may go round among them
    for shown in ours:
        shown.take_name()
