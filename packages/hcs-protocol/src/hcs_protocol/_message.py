"""What all messages have in common: their base, and the bounds of their fields."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ._components import MAX_INT, ComponentValue

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


class AnyMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Base of all messages: JSON objects whose ``type`` is the class's name."""
