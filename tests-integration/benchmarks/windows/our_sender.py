"""Our worker: feeds a window through `hcs_stream.connect`."""

import sys
import time
from itertools import cycle

from lanes.commands import Answer, serve
from lanes.pixels import mark, noises

import hcs_stream

from .pacing import send_paced
from .series import SERIES

SOURCES = 8
FLUSH_SECONDS = 300.0
LOOK_SECONDS = 0.02


class Sender:
    """Sends numbered images of one shape."""

    def __init__(self, rows: str, columns: str) -> None:
        self._sources = cycle(noises((int(rows), int(columns)), SOURCES))
        self._stream: hcs_stream.Stream | None = None
        self._viewer: hcs_stream.Viewer | None = None

    def connect(self, port: int) -> Answer:
        """Open a stream that waits when the viewer does not keep up."""
        self._stream = hcs_stream.connect(data_port=port, overflow="block(60)")
        self._viewer = hcs_stream.find_viewer(port)
        return {}

    def send(self, series: str, first: int, count: int, gap: float) -> Answer:
        """Send so many images of a series, one each ``gap`` seconds."""
        stream, components = self._stream, SERIES[series]
        assert stream is not None

        def send(number: int) -> None:
            source = next(self._sources)
            mark(source, number)
            stream.send(source, step=(1, "blur"), **components(number))

        return {"calls": send_paced(send, first, count, gap)}

    def flush(self) -> Answer:
        """Return when everything is in its layer, looked at or not."""
        assert self._stream is not None
        self._stream.flush(FLUSH_SECONDS)
        deadline = time.monotonic() + FLUSH_SECONDS
        while self._stream.counters.shown < self._stream.counters.published:
            if time.monotonic() > deadline:
                raise TimeoutError(f"not all images are shown: {self._stream.counters}")
            time.sleep(LOOK_SECONDS)
        return {}

    def clear(self) -> Answer:
        """Remove all layers from the window."""
        assert self._viewer is not None
        self._viewer.clear()
        return {}

    def close(self) -> None:
        """Close the stream."""
        if self._stream is not None:
            self._stream.close(5.0)


def main() -> None:
    """Be a worker that sends images of this shape."""
    sender = Sender(*sys.argv[1:])
    serve({"connect": sender.connect, "send": sender.send, "flush": sender.flush, "clear": sender.clear})
    sender.close()


if __name__ == "__main__":
    main()
