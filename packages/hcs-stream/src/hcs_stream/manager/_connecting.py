"""Streams to viewers that run: the manager starts none because images wait for it."""

from hcs_protocol import HcsError
from hcs_stream._assembly import connect
from hcs_stream._stream import Stream
from hcs_stream._viewers import find_viewer, viewers

from ._target import Target

CONNECT_SECONDS = 5.0
"""A window that is busy drawing may take so long to say that it is ready."""
STALLED_SECONDS = 1.0
"""How soon a viewer that takes nothing is told of, and a cancelled entry ends."""


class HiddenViewerError(HcsError, LookupError):
    """A viewer runs, but its port leads to another one, which was asked for it."""

    def __init__(self, title: str, data_port: int) -> None:
        super().__init__(title, data_port)
        self.title = title
        self.data_port = data_port

    def __str__(self) -> str:
        return (
            f"wanted the viewer {self.title!r} on port {self.data_port}, found another one that was asked "
            "for this port: close one of them"
        )


def connect_to(target: Target, run: str) -> Stream:
    """Return a stream to a viewer that runs and is ready, or to its successor on that port.

    Raises:
        ViewerStalledError: It is not, or not yet.
        ConnectionFileError: The file of another machine's viewer is not here.
        HandshakeRefusedError: It does not want images from here.
        HiddenViewerError: What is sent to its port goes to another viewer.
    """
    return connect(
        data_port=port_that_leads_to(target),
        host=target.host,
        run=run,
        overflow=f"block({STALLED_SECONDS:g})",  # the images lie on disk as it is
        start=False,
        timeout=CONNECT_SECONDS,
    )


def port_that_leads_to(target: Target) -> int:
    """Return the port by which a viewer is found: one that was asked for a taken port is found by that, too.

    Raises:
        HiddenViewerError: It runs, and is found by none.
    """
    for viewer in viewers():
        known = viewer.connection
        if known.viewer_run != target.viewer_run:
            continue
        ports = known.data_port, known.requested_port
        for port in reversed(ports) if known.tunnel else ports:  # the next tunnel has other ports
            found = find_viewer(port, host=target.host)
            if found is not None and found.connection.viewer_run == target.viewer_run:
                return port
        raise HiddenViewerError(target.title, target.data_port)
    return target.data_port
