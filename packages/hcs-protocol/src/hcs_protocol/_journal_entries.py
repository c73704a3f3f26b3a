"""What a worker's crash journal says of a block: which image it holds, and who is owed it."""

from typing import Annotated

import msgspec
from msgspec import Meta

from ._components import Text
from ._connection import Port
from ._errors import MalformedMessageError
from ._message import Count, Id
from ._messages import ImageReady

MAX_DESTINATIONS = 8
"""So many viewers of one image can be told apart in the journal."""


class Destination(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where an image goes: the viewer of this port, in one viewer's life or the next one's."""

    worker_run: Id
    """What the worker's Hello to this viewer says; sequences count within it."""
    published: Count = 0
    """Its place among all that were published to it, from 1: their order, and a name for this image."""
    host: Text
    data_port: Port
    """As the worker asked for it; a viewer may have taken the next free one."""


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An image in a block, and to whom it was published; the journal says apart from it who still waits."""

    destinations: Annotated[list[Destination], Meta(max_length=MAX_DESTINATIONS)]
    image: ImageReady
    """Its sequence says nothing; each destination has one of its own."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(JournalEntry)


def encode_entry(entry: JournalEntry) -> bytes:
    """Return the JSON of an entry."""
    return _encoder.encode(entry)


def decode_entry(data: bytes | memoryview) -> JournalEntry:
    """Return the entry that these bytes are.

    Raises:
        MalformedMessageError: They are none, or the image is one that no viewer can draw.
    """
    try:
        entry = _decoder.decode(data)
        entry.image.spec.check()
        entry.image.display.check()
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise MalformedMessageError(f"no journal entry: {str(error)[:300]!r}") from error
    return entry
