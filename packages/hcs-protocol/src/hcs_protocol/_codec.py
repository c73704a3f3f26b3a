"""Messages to bytes and back, within limits."""

import re
from functools import lru_cache

import msgspec

from ._display import DisplayConfiguration
from ._errors import MalformedMessageError, UnsupportedArrayError
from ._images import ImageSpec
from ._message import Id, Sequence
from ._messages import Batch, ImageReady, Item, Message
from ._questions import ImagePixels

MAX_MESSAGE_NBYTES = 1 << 20
"""A message's JSON is no longer than this, a reply with a screenshot or a state excepted."""
MAX_REPLY_NBYTES = 1 << 27
MAX_FRAME_NBYTES = 1 << 32
"""Of an image whose pixels go as a frame; its frame may be smaller, but the viewer makes it whole."""

MAX_REASON = 300
"""How much of a decoder's words is kept: they may quote the peer, at any length."""

_SESSION = re.compile(rb'"session"\s*:\s*"([0-9A-Za-z]{1,64})"')
_MALFORMED = (msgspec.MsgspecError, UnicodeDecodeError, UnsupportedArrayError, RecursionError)


class BadItem(msgspec.Struct, frozen=True):
    """An item of a batch that is none, and why."""

    sequence: int
    reason: str


class SplitBatch(msgspec.Struct, frozen=True):
    """A batch of which not every item is one: the rest of it need not suffer."""

    session: str
    oldest: int
    items: list[Item]
    bad: list[BadItem]


class _Envelope(msgspec.Struct, frozen=True, tag="Batch"):
    session: Id
    oldest: Sequence
    items: list[msgspec.Raw]


class _Numbered(msgspec.Struct, frozen=True):
    sequence: Sequence


class _Asked(msgspec.Struct, frozen=True):
    id: Id


class _Sent(msgspec.Struct, frozen=True):
    session: Id


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_envelope_decoder = msgspec.json.Decoder(_Envelope)
_item_decoder: msgspec.json.Decoder[Item] = msgspec.json.Decoder(Item)
_number_decoder = msgspec.json.Decoder(_Numbered)
_asked_decoder = msgspec.json.Decoder(_Asked)
_sent_decoder = msgspec.json.Decoder(_Sent)


def encode(message: Message | Item) -> bytes:
    """Return the JSON of a message, or of an item by itself.

    Raises:
        MalformedMessageError: A text is no Unicode, as a file name can be, or a number is endless.
    """
    try:
        return _encoder.encode(message)
    except ValueError as error:
        raise MalformedMessageError(f"no hcs message: {_reason(error)}") from error


def decode(data: bytes | memoryview, *, limit: int = MAX_MESSAGE_NBYTES) -> Message:
    """Return the message that these bytes are.

    Args:
        data: The JSON, UTF-8.
        limit: How many bytes it may have.

    Raises:
        MalformedMessageError: Too long, no JSON, no message, or a value out of its bounds. Nothing else
            comes out, whatever the bytes are.
    """
    _check_length(data, limit)
    try:
        message = _decoder.decode(data)
        _check_images(message)
    except _MALFORMED as error:
        raise MalformedMessageError(f"no hcs message: {_reason(error)}") from error
    return message


def split_batch(data: bytes | memoryview) -> SplitBatch:
    """Return what can be read of a batch that `decode` refused, item by item.

    Raises:
        MalformedMessageError: Too long, no batch, or an item has no number.
    """
    _check_length(data, MAX_MESSAGE_NBYTES)
    try:
        envelope = _envelope_decoder.decode(data)
        split = SplitBatch(envelope.session, envelope.oldest, [], [])
        for raw in envelope.items:
            _sort_out(raw, split)
    except _MALFORMED as error:
        raise MalformedMessageError(f"no batch: {_reason(error)}") from error
    return split


def request_id(data: bytes | memoryview) -> str | None:
    """Return the id of a request that `decode` refused, or None if there is none to be read.

    Who has asked several things at once learns by it which of them was wrong.
    """
    try:
        _check_length(data, MAX_MESSAGE_NBYTES)
        return _asked_decoder.decode(data).id
    except (MalformedMessageError, *_MALFORMED):
        return None


def session_id(data: bytes | memoryview) -> str | None:
    """Return the session of a message that `decode` refused, or None if there is none to be read.

    Who has sent it learns what is wrong with it, also of what is no JSON, as text with NaN in it.
    """
    try:
        _check_length(data, MAX_MESSAGE_NBYTES)
        return _sent_decoder.decode(data).session
    except MalformedMessageError:
        return None
    except _MALFORMED:
        found = _SESSION.search(data)
        return found[1].decode() if found else None


def _check_length(data: bytes | memoryview, limit: int) -> None:
    if len(data) > limit:
        raise MalformedMessageError(f"wanted at most {limit} bytes, a message has {len(data)}")


def _sort_out(raw: msgspec.Raw, split: SplitBatch) -> None:
    try:
        item = _item_decoder.decode(raw)
        _check_item(item)
        split.items.append(item)
    except _MALFORMED as error:
        split.bad.append(BadItem(_number_decoder.decode(raw).sequence, _reason(error)))


def _check_images(message: Message) -> None:
    match message:
        case Batch(items=items):
            for item in items:
                _check_item(item)
        case ImagePixels(spec=spec):
            spec.check()
        case _:
            pass


def _check_item(item: Item) -> None:
    if isinstance(item, ImageReady):
        _check_image(item.spec, item.display)


@lru_cache(1024)
def _check_image(spec: ImageSpec, display: DisplayConfiguration) -> None:
    """Check what most images of a run have in common once."""
    spec.check()
    display.check()


def _reason(error: Exception) -> str:
    text = str(error)
    quoted = text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]}…"
    return "".join(letter if letter.isprintable() else "?" for letter in quoted)  # one line in a log
