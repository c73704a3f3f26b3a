"""Who may talk to whom: versions, and whether pixels go by block or by frame."""

import secrets

from ._message import PROTOCOL_VERSION
from ._messages import Hello, Refuse, Welcome


def new_id() -> str:
    """Return an identifier that nobody else has: 16 hexadecimal digits."""
    return secrets.token_hex(8)


def refusal(hello: Hello) -> Refuse | None:
    """Return why this worker is not welcome, or None if it is."""
    if hello.protocol_version == PROTOCOL_VERSION:
        return None
    older = "viewer" if hello.protocol_version > PROTOCOL_VERSION else "worker"
    said = f"the worker speaks hcs protocol {hello.protocol_version}, this viewer {PROTOCOL_VERSION}"
    return Refuse(reply_to=hello.id, reason=f"{said}: update the {older}", protocol_version=PROTOCOL_VERSION)


def shares_memory(welcome: Welcome, nonce: str | None) -> bool:
    """Say whether the viewer read the worker's nonce, so that pixels can go by block."""
    if nonce is None or welcome.nonce is None:
        return False
    return secrets.compare_digest(welcome.nonce.encode(), nonce.encode())  # as text it must be ASCII
