"""What is sent: golden messages with mistakes in them, JSON that looks like ours, and bytes at random."""

import copy
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as with_seed
from hypothesis import strategies as st

from hcs_protocol import BlockRef, MalformedMessageError, Shutdown, decode
from hcs_protocol.testing import FRAME_SPEC, golden_frames, golden_messages

Frames = list[bytes]

VALUES: tuple[object, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63 - 1, 2**63, -(2**63), 2**70, 0.0, -0.0, 1e308, 5e-324, "", "a",
    "a" * 513, "\x00", "\ud7ff\u202e", "%s{0}<b>", "../../etc/passwd", [], [[]], {}, {"type": "Hello"},
    [None] * 1025, "0", "A01", "\n".join("ab"),
)  # fmt: skip
"""What decoders and limits find hard."""
PATHS = (
    "/dev/zero",
    "/proc/self/mem",
    "/etc/passwd",
    "/",
    ".",
    "/dev/tty",
    "\x7f",
    "/proc/self/fd/0",
    "0/0/0",
    "c/0",
)
WORDS = (b"\x00", b"\xff", b"{", b"}", b"[", b'"', b"\\u", b"1e999", b",,", b"null", b"\xc3", b"NaN", b"-")
MOST_NBYTES = 3000
LOOSE_NBYTES = 300
COMPRESSED = 0.2
"""Of the messages of a worker."""
HEADER_NBYTES = 32
SPEC = {"shape": [2, 3], "dtype": "uint16"}
PIXELS = bytes(12)

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
_keys = st.sampled_from(
    ["id", "reply_to", "session", "last", "oldest", "items", "segment", "sequences", "worker_run", "spec"]
)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4)
)
_types = st.sampled_from(["Hello", "Open", "Batch", "Beat", "Goodbye", "GetImage", "Navigate", "Ping", "?"])
_messages = st.builds(lambda kind, fields: fields | {"type": kind}, _types, st.dictionaries(_keys, _values))
_frames = st.lists(
    st.binary(max_size=LOOSE_NBYTES) | (_messages | _values).map(msgspec.json.encode), min_size=1, max_size=4
)


class Inputs:
    """Makes inputs, the same ones for the same seed."""

    def __init__(self, chance: random.Random, blocks: Sequence[BlockRef], files: Sequence[str]) -> None:
        """Make it.

        Args:
            chance: What decides.
            blocks: Some that exist.
            files: Paths of such files as nobody should send.
        """
        self._chance = chance
        self.golden = [msgspec.json.decode(message) for message in golden_messages().values()]
        self._batches = [message for message in self.golden if message.get("type") == "Batch"]
        self._blocks = [msgspec.to_builtins(block) for block in blocks]
        self._paths = [*PATHS, *files]
        self._compressed_frames = list(golden_frames().items())

    def messages(self, count: int, session: str, *, batches: bool) -> Iterator[Frames]:
        """Yield messages that are nearly right, each with frames after it; none is a good Shutdown."""
        for _ in range(count):
            frames = self._message(session, batches=batches)
            if not _is_shutdown(frames[0]):
                yield frames

    def _message(self, session: str, *, batches: bool) -> Frames:
        chance = self._chance
        if batches and chance.random() < COMPRESSED:
            return self._compressed(session)
        pool = self._batches if batches and chance.random() < 0.8 else self.golden
        message = copy.deepcopy(chance.choice(pool))
        if "session" in message and chance.random() < 0.9:
            message["session"] = session
        if message.get("type") == "Batch" and chance.random() < 0.7:
            message = self._batch(session)
        for _ in range(chance.randrange(3)):
            self._spoil(message)
        encoded = json.dumps(message).encode()
        if chance.random() < 0.3:
            encoded = self.spoil_bytes(encoded)
        return [encoded, *self._more_frames()]

    def _compressed(self, session: str) -> Frames:
        """Return a good message with a compressed frame that is damaged, mostly behind its header."""
        chance = self._chance
        codec, frame = chance.choice(self._compressed_frames)
        damaged = bytearray(frame)
        for _ in range(chance.randrange(4)):
            at = chance.randrange(HEADER_NBYTES if chance.random() < 0.2 else len(frame))
            damaged[at] = chance.randrange(256)
        pixels = {"type": "frame", "frame": 1, "nbytes": len(frame), "codec": codec}
        sequence = chance.randrange(1, 1_000_000)
        item = {"type": "ImageReady", "sequence": sequence, "spec": FRAME_SPEC, "pixels": pixels}
        batch = {"type": "Batch", "session": session, "oldest": 1, "items": [item]}
        return [msgspec.json.encode(batch), bytes(damaged)]

    def _batch(self, session: str) -> dict[str, Any]:
        items = [self._item(number) for number in range(1, self._chance.randrange(2, 5))]
        return {
            "type": "Batch",
            "session": session,
            "oldest": 2**62 if self._chance.random() < 1e-3 else 1,
            "items": items,
        }

    def _item(self, number: int) -> dict[str, Any]:
        chance = self._chance
        pixels = chance.choice(
            [
                {"type": "frame", "frame": 1, "nbytes": 12},
                {"type": "frame", "frame": chance.randrange(4), "nbytes": 12},
                {"type": "file", "path": chance.choice(self._paths), "key": chance.choice([0, 1, 2**62])},
                *chance.sample(self._blocks, min(2, len(self._blocks))),
            ]
        )
        new = chance.randrange(1, 1_000_000)
        sequence = chance.choice([number, new, new, new, 2**63 - 1])
        address = {
            "run": chance.choice(["r", "s"]),
            "components": {"well": chance.choice(["A01", "B02", "x"])},
        }
        item = {
            "type": "ImageReady",
            "sequence": sequence,
            "address": address,
            "spec": SPEC,
            "pixels": pixels,
        }
        return copy.deepcopy(item)  # what is made of it may be spoiled

    def _spoil(self, value: Any) -> None:
        """Put one mistake into a message, anywhere in it."""
        chance = self._chance
        while isinstance(value, dict | list) and value:
            key = chance.choice(list(value)) if isinstance(value, dict) else chance.randrange(len(value))
            if isinstance(value[key], dict | list) and value[key] and chance.random() < 0.8:
                value = value[key]
                continue
            if isinstance(value, dict) and chance.random() < 0.2:
                del value[key]
            elif isinstance(value, list) and chance.random() < 0.2:
                value += value[:50]
            else:
                value[key] = copy.deepcopy(chance.choice(VALUES))
            return

    def spoil_bytes(self, data: bytes) -> bytes:
        """Return these bytes with a few mistakes."""
        chance, spoiled = self._chance, bytearray(data)
        for _ in range(chance.randrange(1, 4)):
            at, to = sorted(chance.randrange(len(spoiled) + 1) for _ in range(2))
            match chance.randrange(4):
                case 0:
                    spoiled[at:to] = b""
                case 1:
                    spoiled[at:at] = chance.choice(WORDS) * chance.choice([1, 1, 1, 600])
                case 2:
                    spoiled[at : at + 1] = chance.randbytes(1)
                case 3:
                    spoiled[at:at] = spoiled[at:to]
        return bytes(spoiled[:MOST_NBYTES])

    def _more_frames(self) -> Frames:
        chance = self._chance
        loose = [PIXELS, b"", chance.randbytes(chance.randrange(LOOSE_NBYTES))]
        return [chance.choice(loose) for _ in range(chance.choice([0, 0, 1, 1, 1, 3]))]


def generated(count: int, seed: int) -> list[Frames]:
    """Return messages that Hypothesis makes."""
    made: list[Frames] = []

    @with_seed(seed)
    @settings(max_examples=count, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_frames)
    def make(frames: Frames) -> None:
        if not _is_shutdown(frames[0]):
            made.append(frames)

    make()
    return made


def _is_shutdown(data: bytes) -> bool:
    try:
        return isinstance(decode(data), Shutdown)
    except MalformedMessageError:
        return False
