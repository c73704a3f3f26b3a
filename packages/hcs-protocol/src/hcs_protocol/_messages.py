"""What worker and viewer say to each other, in the order of one image's journey.

Data channel (PUB to SUB): Open, Batch. Control channel (DEALER or REQ to ROUTER): all others.
Requests carry ``id`` and get exactly one reply with the same ``reply_to``; the rest carry neither.
"""

from typing import Annotated

from msgspec import Meta

from ._blocks import FilePath, FileRef, PixelsRef, SegmentOffer
from ._components import Text
from ._compression import Codec
from ._display import DisplayConfiguration
from ._images import ImageAddress, ImageSpec, Nbytes, Step
from ._message import (
    MAX_ITEMS,
    AnyMessage,
    Count,
    Id,
    LongText,
    RunState,
    Sequence,
    StepState,
    Values,
    Version,
)
from ._questions import (
    Clear,
    Done,
    Failed,
    GetImage,
    GetState,
    ImagePixels,
    Navigate,
    Ping,
    Pong,
    Screenshot,
    ScreenshotTaken,
    Shutdown,
    State,
    WorkerStatus,
)

# The handshake, on the control channel.


class Hello(AnyMessage, frozen=True, kw_only=True):
    """Worker to viewer: I want to send images; here is a segment whose nonce only my machine can read."""

    id: Id
    protocol_version: Version
    worker_run: Id
    """One life of the worker process; sequences count within it."""
    name: Text = ""
    """How the viewer calls this worker, ``"host:pid"``."""
    segment: SegmentOffer | None = None
    """None asks for frames."""


class Welcome(AnyMessage, frozen=True, kw_only=True):
    """Viewer to worker: you are in; say Open on the data channel until I have Heard it."""

    reply_to: Id
    session: Id
    viewer_run: Id
    protocol_version: Version
    title: Text = ""
    folders: Annotated[list[FilePath], Meta(max_length=MAX_ITEMS)] = []
    """Whose files this viewer reads though they are another machine's, by what that calls them."""
    nonce: Text | None = None
    """What the offered segment says; anything but the worker's own nonce means frames."""
    credit_images: Count = 64
    credit_nbytes: Nbytes = 1 << 28
    codecs: Annotated[list[Codec], Meta(max_length=16)] = []
    """By which frames may be compressed; a frame that is not may come always."""


class Refuse(AnyMessage, frozen=True, kw_only=True):
    """Viewer to worker: you are not in, for this reason."""

    reply_to: Id
    reason: LongText
    protocol_version: Version


class Open(AnyMessage, frozen=True, kw_only=True):
    """Worker to viewer, on the data channel, again and again: can you hear this session?"""

    session: Id


class Heard(AnyMessage, frozen=True, kw_only=True):
    """Viewer to worker: your data channel is through; send."""

    session: Id


# The data channel.


class ImageReady(AnyMessage, frozen=True, kw_only=True):
    """The pixels of one image lie there; this is what they show and how to draw them."""

    sequence: Sequence
    address: ImageAddress = ImageAddress()
    spec: ImageSpec
    pixels: PixelsRef
    display: DisplayConfiguration = DisplayConfiguration()
    file: FileRef | None = None
    """A file that has the same pixels, for good: the viewer need not keep a copy of them."""


class RunStarted(AnyMessage, frozen=True, kw_only=True):
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


class StepProgress(AnyMessage, frozen=True, kw_only=True):
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


class RunEnded(AnyMessage, frozen=True, kw_only=True):
    """A run is over."""

    sequence: Sequence
    run: Text
    state: RunState = "completed"
    error: LongText | None = None


Item = ImageReady | RunStarted | StepProgress | RunEnded


class Batch(AnyMessage, frozen=True, kw_only=True):
    """Worker to viewer: images and run messages, numbered without gaps; frames follow, if any."""

    session: Id
    oldest: Sequence
    """The lowest number still owed; below it the viewer may forget what it received."""
    items: Annotated[list[Item], Meta(min_length=1, max_length=MAX_ITEMS)]
    sent_at: float = 0.0
    """Seconds since 1970 by the worker's clock; 0 if it does not say."""


# What comes back, unasked, on the control channel.


class BlockReleased(AnyMessage, frozen=True, kw_only=True):
    """Viewer to worker: these are adopted; I no longer read their pixels where you put them."""

    session: Id
    sequences: Annotated[list[Sequence], Meta(max_length=MAX_ITEMS)]


class ImageRefused(AnyMessage, frozen=True, kw_only=True):
    """Viewer to worker: I cannot take this image, for this reason."""

    session: Id
    sequence: Sequence
    reason: LongText
    send_frame: bool = False
    """Whether the same pixels in a frame would be welcome."""


class ImageShown(AnyMessage, frozen=True, kw_only=True):
    """Viewer to worker: these images are in their layers."""

    session: Id
    sequences: Annotated[list[Sequence], Meta(max_length=MAX_ITEMS)]


class Credit(AnyMessage, frozen=True, kw_only=True):
    """Viewer to worker: from now on you may have this much in flight."""

    session: Id
    images: Count
    nbytes: Nbytes


class Beat(AnyMessage, frozen=True, kw_only=True):
    """Worker to viewer: I am here, and this is the last number I sent."""

    id: Id
    session: Id
    last: Count
    status: WorkerStatus | None = None
    """What became of this worker's images; None if nothing changed."""


class Received(AnyMessage, frozen=True, kw_only=True):
    """Viewer to worker, answering Beat: up to this number I have all, without a gap."""

    reply_to: Id
    session: Id
    received: Count


class Goodbye(AnyMessage, frozen=True, kw_only=True):
    """Worker to viewer: this was the last number; answered with Done when it is held."""

    id: Id
    session: Id
    last: Count


DataMessage = Open | Batch
Request = Hello | Beat | Goodbye | Ping | GetState | GetImage | Navigate | Clear | Screenshot | Shutdown
Reply = Welcome | Refuse | Received | Pong | State | ImagePixels | ScreenshotTaken | Done | Failed
Notice = Heard | BlockReleased | ImageRefused | ImageShown | Credit
Message = DataMessage | Request | Reply | Notice
