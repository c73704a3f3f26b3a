"""Questions that anybody with the keys may ask a viewer, and its answers; all on the control channel."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ._components import Components, ComponentValue, Text
from ._images import ImageSpec
from ._latency import Latency
from ._message import MAX_ITEMS, AnyMessage, Count, Id, LongText, Version, ViewerState

Missing = Annotated[
    list[Literal["plate", "timepoint", "well", "site", "channel", "z_index"]], Meta(max_length=6)
]
"""Components that the wanted image does not have: one that is left out is where its slider stands."""


class Ping(AnyMessage, frozen=True, kw_only=True):
    """Who is there?"""

    id: Id


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of the images of one worker on their way to one viewer, as the worker counts them."""

    name: Text = ""
    overflow: Text = ""
    """The policy in force: what becomes of images when the viewer does not keep up."""
    published: Count = 0
    """The sum of queued, in flight, adopted, refused and all that was dropped."""
    queued: Count = 0
    in_flight: Count = 0
    adopted: Count = 0
    shown: Count = 0
    resent: Count = 0
    refused: Count = 0
    spilled: Count = 0
    """Images whose pixels went to disk for a while; none of them is lost."""
    dropped: dict[Text, Count] = {}
    """Images that a policy dropped, by its name."""
    nbytes: Count = 0
    """Bytes of all published pixels."""
    latency: dict[Text, Latency] = {}
    """Of the hops ``copy`` (into shared memory) and ``queue`` (until it was sent)."""


class Counters(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened to the images a viewer was sent, since it started."""

    received: Count = 0
    adopted: Count = 0
    shown: Count = 0
    duplicates: Count = 0
    refused: Count = 0
    malformed: Count = 0
    nbytes: Count = 0
    workers: Count = 0
    recovered: Count = 0
    """Of the adopted images, those taken from the shared memory of workers that died."""
    dropped: Count = 0
    """Images that workers dropped by policy, as far as they told."""


class Pong(AnyMessage, frozen=True, kw_only=True):
    """The viewer's title, its state and its counters."""

    reply_to: Id
    viewer_run: Id
    title: Text
    state: ViewerState
    window_age_seconds: float
    """How long ago the window's thread last gave a sign of life."""
    counters: Counters = Counters()
    protocol_version: Version
    latency: dict[Text, Latency] = {}
    """Of the hops ``wire`` (sent until received), ``store`` (until adopted) and ``draw`` (until shown)."""
    workers: Annotated[list[WorkerStatus], Meta(max_length=MAX_ITEMS)] = []
    """What each worker that is connected said last."""


class GetState(AnyMessage, frozen=True, kw_only=True):
    """What does the window show?"""

    id: Id


class LayerState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One layer of the window."""

    name: Text
    run: Text = ""
    kind: Literal["image", "labels"] = "image"
    images: Count = 0
    """How many images lie in it, painted or reachable by slider."""
    shape: list[int] = []
    dtype: str = ""
    visible: bool = True
    colormap: Text = ""
    contrast_limits: tuple[float, float] | None = None
    components: dict[str, list[ComponentValue | None]] = {}
    """Of each stacked component the values that this layer has images of."""


class State(AnyMessage, frozen=True, kw_only=True):
    """The layers from bottom to top, the sliders, the camera."""

    reply_to: Id
    layers: list[LayerState] = []
    axes: dict[str, list[ComponentValue | None]] = {}
    """The sliders in order, each with the values of its positions."""
    position: dict[str, ComponentValue | None] = {}
    """Where the sliders stand."""
    camera_center: list[float] = []
    camera_zoom: float = 1.0
    canvas_size: tuple[int, int] = (0, 0)
    """Height and width in pixels."""
    progress: dict[str, str] = {}
    """Of each run the last word on it."""


class GetImage(AnyMessage, frozen=True, kw_only=True):
    """Give me the plane that this layer has at these components."""

    id: Id
    layer: Text
    components: Components = Components()
    without: Missing = []


class ImagePixels(AnyMessage, frozen=True, kw_only=True):
    """The plane that was asked for; its pixels are the next frame."""

    reply_to: Id
    spec: ImageSpec


class Navigate(AnyMessage, frozen=True, kw_only=True):
    """Move the sliders; show only these layers; answered with Done when the window has painted it."""

    id: Id
    components: Components = Components()
    without: Missing = []
    visible_layers: Annotated[list[Text], Meta(max_length=MAX_ITEMS)] | None = None
    """None leaves the layers as they are."""


class Clear(AnyMessage, frozen=True, kw_only=True):
    """Remove the layers of this run and step, or all of them; answered with Done."""

    id: Id
    run: Text | None = None
    step: Text | None = None
    """Its name, its index, or both as layers have them: ``"blur"``, ``"2"``, ``"Step_02_blur"``."""


class Screenshot(AnyMessage, frozen=True, kw_only=True):
    """What does the window look like?"""

    id: Id
    canvas_only: bool = False


class ScreenshotTaken(AnyMessage, frozen=True, kw_only=True):
    """The window, or its canvas, as a PNG (base64 in the JSON)."""

    reply_to: Id
    png: bytes


class Shutdown(AnyMessage, frozen=True, kw_only=True):
    """Close the window and end the process; answered with Done before it is gone."""

    id: Id


class Done(AnyMessage, frozen=True, kw_only=True):
    """It is done."""

    reply_to: Id


class Failed(AnyMessage, frozen=True, kw_only=True):
    """It could not be done, for this reason."""

    reply_to: Id
    error: LongText
