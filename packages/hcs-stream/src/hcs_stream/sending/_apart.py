"""The other process, which finds images for an `Opening`.

``python -m hcs_stream.sending._apart PATH…`` writes to standard output, each with its length before it: how
many files it has seen, again and again, then the columns of an `ImageTable`, or why there are none.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from hcs_protocol import HcsError
from hcs_stream.microscopes import NoImagesError

from ._finding import Found, find_images
from ._found_images import PICTURES
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
        said: Opened | NotOpened = Opened(columns_of(find_all(paths, told)))
    except (HcsError, OSError, ValueError) as error:
        said = NotOpened(str(error))
    _say(output, said)
    output.close()


def find_all(paths: Sequence[str], told: Callable[[int], None] | None = None) -> Found:
    """Find images as `find_images`; a folder without TIFF gives its pictures of other kinds."""
    try:
        return find_images(paths, told=told)
    except NoImagesError:
        pictures = [str(path) for folder in paths for path in _pictures(Path(folder))]
        if not pictures:
            raise
        return find_images(pictures, told=told)


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return [folder]
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES and path.is_file())


def _say(output: BinaryIO, said: Seen | Opened | NotOpened) -> None:
    data = _encoder.encode(said)
    output.write(LENGTH.pack(len(data)))
    output.write(data)
    output.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
