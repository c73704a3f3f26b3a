"""Messages to bytes and back, within limits."""

import msgspec

from ._errors import MalformedMessageError, UnsupportedArrayError
from ._messages import Batch, ImageReady, Message
from ._questions import ImagePixels

MAX_MESSAGE_NBYTES = 1 << 20
"""A message's JSON is no longer than this, a reply with a screenshot or a state excepted."""
MAX_REPLY_NBYTES = 1 << 27

MAX_REASON = 300
"""How much of a decoder's words is kept: they may quote the peer, at any length."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def encode(message: Message) -> bytes:
    """Return the JSON of a message.

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
    if len(data) > limit:
        raise MalformedMessageError(f"wanted at most {limit} bytes, a message has {len(data)}")
    try:
        message = _decoder.decode(data)
        _check_images(message)
    except (msgspec.MsgspecError, UnicodeDecodeError, UnsupportedArrayError, RecursionError) as error:
        raise MalformedMessageError(f"no hcs message: {_reason(error)}") from error
    return message


def _check_images(message: Message) -> None:
    match message:
        case Batch(items=items):
            for item in items:
                if isinstance(item, ImageReady):
                    item.spec.check()
                    item.display.check()
        case ImagePixels(spec=spec):
            spec.check()
        case _:
            pass


def _reason(error: Exception) -> str:
    text = str(error)
    quoted = text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]}…"
    return "".join(letter if letter.isprintable() else "?" for letter in quoted)  # one line in a log
