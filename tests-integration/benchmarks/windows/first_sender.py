"""A worker that starts a viewer and has an image for it at once."""

import sys
import time
from contextlib import ExitStack

from lanes.commands import Answer, serve
from lanes.pixels import mark, noises

import hcs_stream

from .stamps import FIRST

COMMAND = [sys.executable, "-P", "-m", "windows.our_start"]


class Sender:
    """Sends the first image of viewers."""

    def __init__(self, rows: str, columns: str) -> None:
        (self._pixels,) = noises((int(rows), int(columns)), 1)
        mark(self._pixels, FIRST)
        self._open = ExitStack()

    def first(self, port: int, wait: bool) -> Answer:
        """Start the viewer of this port and send; says when that began, and when each call returned."""
        began = time.monotonic_ns()
        stream = hcs_stream.connect(data_port=port, viewer_command=COMMAND, wait=wait)
        connected = time.monotonic_ns()
        self._open.callback(stream.close, 5.0)
        stream.send(self._pixels, step=(1, "blur"), plate="P1", well="A01", site=1, channel="DAPI")
        return {"began": began, "connected": connected, "sent": time.monotonic_ns()}

    def stop(self, port: int) -> Answer:
        """End the viewer of this port."""
        self._open.close()
        viewer = hcs_stream.find_viewer(port)
        if viewer is not None:
            viewer.stop()
        return {}

    def pid(self, port: int) -> Answer:
        """Say which process the viewer of this port is; 0 if there is none yet."""
        viewer = hcs_stream.find_viewer(port)
        return {"pid": viewer.connection.pid if viewer else 0}


def main() -> None:
    """Be a worker whose image has this shape."""
    sender = Sender(*sys.argv[1:])
    serve({"first": sender.first, "stop": sender.stop, "pid": sender.pid})


if __name__ == "__main__":
    main()
