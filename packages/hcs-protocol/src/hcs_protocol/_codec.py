"""Messages to bytes and back, within limits."""

import msgspec

from ._errors import MalformedMessageError, UnsupportedArrayError
from ._messages import Batch, ImageReady, Message

MAX_MESSAGE_NBYTES = 1 << 20
"""A message's JSON is no longer than this, a reply with a screenshot or a state excepted."""
MAX_REPLY_NBYTES = 1 << 27

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def encode(message: Message) -> bytes:
    """Return the JSON of a message."""
    return _encoder.encode(message)


def decode(data: bytes | memoryview, *, limit: int = MAX_MESSAGE_NBYTES) -> Message:
    """Return the message that these bytes are.

    Args:
        data: The JSON, UTF-8.
        limit: How many bytes it may have.

    Raises:
        MalformedMessageError: Too long, no JSON, no message, or a value out of its bounds.
    """
    if len(data) > limit:
        raise MalformedMessageError(f"wanted at most {limit} bytes, a message has {len(data)}")
    try:
        message = _decoder.decode(data)
        _check_specs(message)
    except (msgspec.MsgspecError, UnsupportedArrayError, RecursionError) as error:
        raise MalformedMessageError(f"no hcs message: {error}") from error
    return message


def _check_specs(message: Message) -> None:
    match message:
        case Batch(items=items):
            for item in items:
                if isinstance(item, ImageReady):
                    item.spec.check()
        case _:
            pass
