"""Inputs that once did harm: kept as files, and sent again by the tests."""

import base64
import hashlib
import random
from pathlib import Path
from typing import Literal

import msgspec

from .peer import Peer
from .strangers import Strangers
from .target import Target

FOLDER = Path(__file__).parent / "corpus"

SESSION = b"SESSION"
"""Stands for the session that a message belongs to."""

Port = Literal["data", "control"]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent in one go, by somebody who was let in or by a stranger."""

    port: Port
    by: Literal["peer", "stranger"]
    messages: list[list[str]]
    """Each of them frames, in base 64; of a stranger the bytes of one connection."""
    insecure: bool = False
    """Whether the viewer lets everybody in."""
    said: str = ""
    """How its log ended."""


def keep(folder: Path, port: Port, messages: list[list[bytes]], target: Target, *, by_peer: bool) -> Path:
    """Write a file that `send_again` understands, and return where it is."""
    kept = Kept(
        port=port,
        by="peer" if by_peer else "stranger",
        messages=[[base64.b64encode(frame).decode() for frame in frames] for frames in messages],
        insecure=not target.connection.is_secure,
        said="\n".join(target.unhandled[-1:])[-3000:],
    )
    encoded = msgspec.json.format(msgspec.json.encode(kept))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{port}-{hashlib.sha256(encoded).hexdigest()[:12]}.json"
    path.write_bytes(encoded)
    return path


def read(path: Path) -> Kept:
    """Read what was kept."""
    return msgspec.json.decode(path.read_bytes(), type=Kept)


def send_again(kept: Kept, target: Target) -> None:
    """Send it to a viewer, and wait until that has looked at all of it."""
    connection = target.connection
    port = connection.data_port if kept.port == "data" else connection.control_port
    messages = [[base64.b64decode(frame) for frame in frames] for frames in kept.messages]
    with Peer(connection) as peer:
        if kept.by == "peer":
            session = peer.open_session().encode()
            messages = [[frame.replace(SESSION, session) for frame in frames] for frames in messages]
            send = peer.send_data if kept.port == "data" else peer.send_control
            send(messages)
        else:
            strangers = Strangers(random.Random(0), connection.host, is_let_in=not connection.is_secure)
            for frames in messages:
                strangers.say(port, b"".join(frames))
            strangers.close()
        peer.settle()
