"""Streams to viewers that run: the manager starts none because images wait for it."""

from hcs_stream._assembly import connect
from hcs_stream._stream import Stream

from ._target import Target

CONNECT_SECONDS = 5.0
"""A window that is busy drawing may take so long to say that it is ready."""
STALLED_SECONDS = 1.0
"""How soon a viewer that takes nothing is told of, and a cancelled entry ends."""


def connect_to(target: Target, run: str) -> Stream:
    """Return a stream to a viewer that runs and is ready.

    Raises:
        ViewerStalledError: It is not, or not yet.
        ConnectionFileError: The file of another machine's viewer is not here.
        HandshakeRefusedError: It does not want images from here.
    """
    return connect(
        data_port=target.data_port,
        host=target.host,
        run=run,
        overflow=f"block({STALLED_SECONDS:g})",  # the images lie on disk as it is
        start=False,
        timeout=CONNECT_SECONDS,
    )
