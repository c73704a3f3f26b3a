"""What is said to a spare viewer, over a socket of the same user: three lines, then it is taken.

The taker sends a `SpareRequest` and, with it, open files: standard input and output of the viewer to be,
and what else it inherits. The spare answers with a `SpareOffer`, the taker says `SPARE_TAKEN`. Whoever hears
nothing for a moment hangs up: so a taker that has gone elsewhere gets no viewer, and a spare that was asleep
no taker. When the viewer ends later, it says its exit status, as a line with a number.
"""

from typing import TypeVar

import msgspec

from ._errors import MalformedMessageError

T = TypeVar("T")

SPARE_TAKEN = b"taken\n"
MAX_SPARE_LINE_NBYTES = 1 << 16
MAX_SPARE_FILES = 3


class SpareRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A taker to a spare: be this viewer."""

    arguments: list[str]
    """Of its command line."""
    settings: dict[str, str]
    """Variables of the environment that begin with ``HCS_``."""
    folder: str
    """The one that it would have been started in."""


class SpareOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A spare to its taker: I am here."""

    pid: int


SpareWord = SpareRequest | SpareOffer

_encoder = msgspec.json.Encoder()
_request_decoder: msgspec.json.Decoder[SpareRequest] = msgspec.json.Decoder(SpareRequest)
_offer_decoder: msgspec.json.Decoder[SpareOffer] = msgspec.json.Decoder(SpareOffer)


def encode_spare(word: SpareWord) -> bytes:
    """Return the line that says this."""
    return _encoder.encode(word) + b"\n"


def decode_spare_request(line: bytes) -> SpareRequest:
    """Read a taker's line.

    Raises:
        MalformedMessageError: It is none.
    """
    return _decode(_request_decoder, line)


def decode_spare_offer(line: bytes) -> SpareOffer:
    """Read a spare's line.

    Raises:
        MalformedMessageError: It is none.
    """
    return _decode(_offer_decoder, line)


def _decode(decoder: "msgspec.json.Decoder[T]", line: bytes) -> T:
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessageError(f"no line between a spare viewer and its taker: {error}") from error
