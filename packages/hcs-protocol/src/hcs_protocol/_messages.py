"""What worker and viewer say to each other, in the order of one image's journey.

Data channel (PUB to SUB): Open, Batch. Control channel (DEALER or REQ to ROUTER): all others.
Requests carry ``id`` and get exactly one reply with the same ``reply_to``; the rest carry neither.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ._blocks import PixelsRef, SegmentOffer
from ._components import MAX_INT, Components, ComponentValue, Text
from ._display import DisplayConfiguration
from ._images import ImageAddress, ImageSpec, Nbytes, Step

PROTOCOL_VERSION = 1
MAX_ITEMS = 1024

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Sequence = Annotated[int, Meta(ge=1, le=MAX_INT)]
Count = Annotated[int, Meta(ge=0, le=MAX_INT)]
Version = Count
LongText = Annotated[str, Meta(max_length=8192)]
Values = Annotated[list[ComponentValue], Meta(max_length=20_000)]
RunState = Literal["completed", "failed", "cancelled"]
StepState = Literal["waiting", "running", "done", "failed"]
ViewerState = Literal["starting", "ready", "closing"]


class _Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Base of all messages: JSON objects whose ``type`` is the class's name."""


# The handshake, on the control channel.


class Hello(_Message, frozen=True, kw_only=True):
    """Worker to viewer: I want to send images; here is a segment whose nonce only my machine can read."""

    id: Id
    protocol_version: Version
    worker_run: Id
    """One life of the worker process; sequences count within it."""
    name: Text = ""
    """How the viewer calls this worker, ``"host:pid"``."""
    segment: SegmentOffer | None = None
    """None asks for frames."""


class Welcome(_Message, frozen=True, kw_only=True):
    """Viewer to worker: you are in; say Open on the data channel until I have Heard it."""

    reply_to: Id
    session: Id
    viewer_run: Id
    protocol_version: Version
    title: Text = ""
    nonce: Text | None = None
    """What the offered segment says; anything but the worker's own nonce means frames."""
    credit_images: Count = 64
    credit_nbytes: Nbytes = 1 << 28


class Refuse(_Message, frozen=True, kw_only=True):
    """Viewer to worker: you are not in, for this reason."""

    reply_to: Id
    reason: LongText
    protocol_version: Version


class Open(_Message, frozen=True, kw_only=True):
    """Worker to viewer, on the data channel, again and again: can you hear this session?"""

    session: Id


class Heard(_Message, frozen=True, kw_only=True):
    """Viewer to worker: your data channel is through; send."""

    session: Id


# The data channel.


class ImageReady(_Message, frozen=True, kw_only=True):
    """The pixels of one image lie there; this is what they show and how to draw them."""

    sequence: Sequence
    address: ImageAddress = ImageAddress()
    spec: ImageSpec
    pixels: PixelsRef
    display: DisplayConfiguration = DisplayConfiguration()


class RunStarted(_Message, frozen=True, kw_only=True):
    """A run began; it expects these values of each component, and these steps."""

    sequence: Sequence
    run: Text
    name: Text = ""
    plates: Values = []
    timepoints: Values = []
    wells: Values = []
    sites: Values = []
    channels: Values = []
    z_indexes: Values = []
    steps: Annotated[list[Step], Meta(max_length=1000)] = []


class StepProgress(_Message, frozen=True, kw_only=True):
    """How far a step is in one well."""

    sequence: Sequence
    run: Text
    step: Step
    well: Text | None = None
    plate: Text | None = None
    state: StepState = "running"
    done: Count = 0
    of: Count = 0
    error: LongText | None = None


class RunEnded(_Message, frozen=True, kw_only=True):
    """A run is over."""

    sequence: Sequence
    run: Text
    state: RunState = "completed"
    error: LongText | None = None


Item = ImageReady | RunStarted | StepProgress | RunEnded


class Batch(_Message, frozen=True, kw_only=True):
    """Worker to viewer: images and run messages, numbered without gaps; frames follow, if any."""

    session: Id
    oldest: Sequence
    """The lowest number still owed; below it the viewer may forget what it received."""
    items: Annotated[list[Item], Meta(min_length=1, max_length=MAX_ITEMS)]


# What comes back, unasked, on the control channel.


class BlockReleased(_Message, frozen=True, kw_only=True):
    """Viewer to worker: these are adopted; I no longer read their pixels where you put them."""

    session: Id
    sequences: Annotated[list[Sequence], Meta(max_length=MAX_ITEMS)]


class ImageRefused(_Message, frozen=True, kw_only=True):
    """Viewer to worker: I cannot take this image, for this reason."""

    session: Id
    sequence: Sequence
    reason: LongText
    send_frame: bool = False
    """Whether the same pixels in a frame would be welcome."""


class ImageShown(_Message, frozen=True, kw_only=True):
    """Viewer to worker: these images are in their layers."""

    session: Id
    sequences: Annotated[list[Sequence], Meta(max_length=MAX_ITEMS)]


class Credit(_Message, frozen=True, kw_only=True):
    """Viewer to worker: from now on you may have this much in flight."""

    session: Id
    images: Count
    nbytes: Nbytes


class Beat(_Message, frozen=True, kw_only=True):
    """Worker to viewer: I am here, and this is the last number I sent."""

    id: Id
    session: Id
    last: Count


class Received(_Message, frozen=True, kw_only=True):
    """Viewer to worker, answering Beat: up to this number I have all, without a gap."""

    reply_to: Id
    session: Id
    received: Count


class Goodbye(_Message, frozen=True, kw_only=True):
    """Worker to viewer: this was the last number; answered with Done when it is held."""

    id: Id
    session: Id
    last: Count


# Questions that anybody with the keys may ask.


class Ping(_Message, frozen=True, kw_only=True):
    """Who is there?"""

    id: Id


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


class Pong(_Message, frozen=True, kw_only=True):
    """The viewer's title, its state and its counters."""

    reply_to: Id
    viewer_run: Id
    title: Text
    state: ViewerState
    window_age_seconds: float
    """How long ago the window's thread last gave a sign of life."""
    counters: Counters = Counters()
    protocol_version: Version


class GetState(_Message, frozen=True, kw_only=True):
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


class State(_Message, frozen=True, kw_only=True):
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


class GetImage(_Message, frozen=True, kw_only=True):
    """Give me the plane that this layer has at these components."""

    id: Id
    layer: Text
    components: Components = Components()


class ImagePixels(_Message, frozen=True, kw_only=True):
    """The plane that was asked for; its pixels are the next frame."""

    reply_to: Id
    spec: ImageSpec


class Navigate(_Message, frozen=True, kw_only=True):
    """Move the sliders; show only these layers; answered with Done when the window has painted it."""

    id: Id
    components: Components = Components()
    visible_layers: Annotated[list[Text], Meta(max_length=MAX_ITEMS)] | None = None
    """None leaves the layers as they are."""


class Clear(_Message, frozen=True, kw_only=True):
    """Remove the layers of this run, or all of them; answered with Done."""

    id: Id
    run: Text | None = None


class Screenshot(_Message, frozen=True, kw_only=True):
    """What does the window look like?"""

    id: Id
    canvas_only: bool = False


class ScreenshotTaken(_Message, frozen=True, kw_only=True):
    """The window, or its canvas, as a PNG (base64 in the JSON)."""

    reply_to: Id
    png: bytes


class Shutdown(_Message, frozen=True, kw_only=True):
    """Close the window and end the process; answered with Done before it is gone."""

    id: Id


class Done(_Message, frozen=True, kw_only=True):
    """It is done."""

    reply_to: Id


class Failed(_Message, frozen=True, kw_only=True):
    """It could not be done, for this reason."""

    reply_to: Id
    error: LongText


DataMessage = Open | Batch
Request = Hello | Beat | Goodbye | Ping | GetState | GetImage | Navigate | Clear | Screenshot | Shutdown
Reply = Welcome | Refuse | Received | Pong | State | ImagePixels | ScreenshotTaken | Done | Failed
Notice = Heard | BlockReleased | ImageRefused | ImageShown | Credit
Message = DataMessage | Request | Reply | Notice
