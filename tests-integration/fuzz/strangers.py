"""Bytes from somebody who was not let in: no ZMTP at all, broken greetings, half a handshake.

ZMTP 3.1 is RFC 37 of ZeroMQ, CURVE's handshake RFC 26.
"""

import contextlib
import random
import socket
import struct
from collections import deque

SIGNATURE = b"\xff" + bytes(8) + b"\x7f"
MECHANISMS = (b"NULL", b"PLAIN", b"CURVE", b"GSSAPI", b"", b"\xff" * 20, b"CURVE\x00CURVE")
COMMANDS = (
    b"HELLO",
    b"INITIATE",
    b"READY",
    b"ERROR",
    b"PING",
    b"PONG",
    b"SUBSCRIBE",
    b"CANCEL",
    b"WELCOME",
    b"",
)
SIZES = (0, 1, 2, 200, 255, 256, 1 << 16, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
NO_ZMTP = (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x00", b"\xff", b"\x01\x00", b"\x05\x00hello", SIGNATURE[:9])
STAY_OPEN = 40
"""So many connections say nothing more and stay."""


class Strangers:
    """Calls at the ports of a viewer, again and again."""

    def __init__(self, chance: random.Random, host: str, *, is_let_in: bool) -> None:
        """Make it.

        Args:
            chance: What decides.
            host: Where the viewer is.
            is_let_in: Whether the viewer wants no key: what follows a good handshake is sent, too.
        """
        self._chance = chance
        self._host = host
        self._is_let_in = is_let_in
        self._open: deque[socket.socket] = deque()

    def call(self, port: int) -> bytes:
        """Connect, say something, and hang up or stay; returns what was said."""
        said = self.words()
        self.say(port, said)
        return said

    def say(self, port: int, said: bytes) -> None:
        """Connect and say just this."""
        try:
            caller = socket.create_connection((self._host, port), timeout=10)
        except OSError:  # all its ends are in use for a moment
            return
        with contextlib.suppress(OSError):  # the viewer may hang up at any byte
            caller.sendall(said)
        self._open.append(caller)
        while len(self._open) > STAY_OPEN:
            self._open.popleft().close()

    def close(self) -> None:
        """Hang up everywhere."""
        while self._open:
            self._open.popleft().close()

    def words(self) -> bytes:
        """Return what to say."""
        chance = self._chance
        match chance.randrange(6):
            case 0:
                return chance.choice(NO_ZMTP)
            case 1:
                return chance.randbytes(chance.randrange(500))
            case 2:
                whole = self._greeting() + self._frames()
                return whole[: chance.randrange(len(whole))]
            case 3:
                return SIGNATURE + self._frames()  # as ZMTP 1.0 and 2.0 have it
            case _:
                return self._greeting() + self._frames()

    def _greeting(self) -> bytes:
        chance = self._chance
        if self._is_let_in and chance.random() < 0.9:
            kind = chance.choice([b"DEALER", b"PUB", b"REQ", b"XPUB", b"SUB", b"?"])
            identity = chance.choice([b"", b"same", b"a" * 255, b"\x00", b"b" * 300])
            ready = b"\x05READY" + _property(b"Socket-Type", kind) + _property(b"Identity", identity)
            return SIGNATURE + b"\x03\x01" + b"NULL".ljust(20, b"\x00") + bytes(32) + _frame(4, ready)
        version = chance.choice(
            [b"\x03\x00", b"\x03\x01", b"\x02\x00", b"\x01\x00", b"\x00\x00", b"\xff\xff"]
        )
        as_server = bytes([chance.choice([0, 0, 1, 255])])
        mechanism = chance.choice(MECHANISMS)[:20].ljust(20, b"\x00")
        return SIGNATURE + version + mechanism + as_server + bytes(31)

    def _frames(self) -> bytes:
        return b"".join(self._any_frame() for _ in range(self._chance.randrange(4)))

    def _any_frame(self) -> bytes:
        chance = self._chance
        flags = chance.choice([0, 1, 2, 3, 4, 4, 4, 6, chance.randrange(256)])
        body = chance.randbytes(chance.choice([0, 3, 40, 194, 257]))
        if flags & 4 or chance.random() < 0.3:
            name = chance.choice(COMMANDS)
            body = bytes([len(name)]) + name + body
        if chance.random() < 0.3:
            return bytes([flags | 2]) + struct.pack(">Q", chance.choice(SIZES)) + body
        return _frame(flags, body)


def _frame(flags: int, body: bytes) -> bytes:
    if len(body) > 255 or flags & 2:
        return bytes([flags | 2]) + struct.pack(">Q", len(body)) + body
    return bytes([flags, len(body)]) + body


def _property(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + struct.pack(">I", len(value)) + value
