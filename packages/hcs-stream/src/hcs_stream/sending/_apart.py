"""The other process, which finds images for an `Opening`.

``python -m hcs_stream.sending._apart PATH…`` writes to standard output, each with its length before it: how
many files it has seen, again and again, then the columns of an `ImageTable`, or why there are none.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from hcs_protocol import HcsError

from ._finding import find_images
from ._image_table import columns_of
from ._opening import LENGTH, NotOpened, Opened, Seen

TOLD_SECONDS = 0.1

_encoder = msgspec.msgpack.Encoder()


def main(paths: Sequence[str]) -> None:
    """Find images and say so on standard output."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whoever prints disturbs nothing
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the window
    due = 0.0

    def told(count: int) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + TOLD_SECONDS
            _say(output, Seen(count))

    try:
        said: Opened | NotOpened = Opened(columns_of(find_images(paths, told=told)))
    except (HcsError, OSError, ValueError) as error:
        said = NotOpened(str(error))
    _say(output, said)
    output.close()


def _say(output: BinaryIO, said: Seen | Opened | NotOpened) -> None:
    data = _encoder.encode(said)
    output.write(LENGTH.pack(len(data)))
    output.write(data)
    output.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
