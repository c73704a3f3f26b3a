"""Find images in a process of its own, which can be ended and keeps no window from being drawn."""

import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import IO

import msgspec

from hcs_protocol import HcsError, temporary_folder

from ._image_table import Columns, ImageTable

if sys.platform == "win32":
    NO_WINDOW = subprocess.CREATE_NO_WINDOW
else:
    NO_WINDOW = 0  # there it has none

LENGTH = struct.Struct("<Q")
"""Of what comes after it."""
ERROR_NBYTES = 1000


class Seen(msgspec.Struct, frozen=True, tag=True):
    """So many files were seen until now."""

    count: int


class Opened(msgspec.Struct, frozen=True, tag=True):
    """Everything that was found."""

    columns: Columns


class NotOpened(msgspec.Struct, frozen=True, tag=True):
    """There is nothing to be shown."""

    why: str


_decoder: msgspec.msgpack.Decoder[Seen | Opened | NotOpened] = msgspec.msgpack.Decoder(
    Seen | Opened | NotOpened
)


class OpeningError(HcsError, RuntimeError):
    """No image could be found; the text says why."""


class OpeningCancelledError(HcsError, RuntimeError):
    """Somebody did not want to wait any longer."""


class Opening:
    """Images that are being found by another process."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Find nothing yet.

        Args:
            paths: As `find_images`; folders of pictures that are no TIFF as well.
        """
        self._paths = paths
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = False
        self._lock = threading.Lock()

    def run(self, told: Callable[[int], None]) -> ImageTable:
        """Wait until all images are found; call this in a thread.

        Args:
            told: Is called with the number of files that were seen until now.

        Raises:
            OpeningError: There are none, or they could not be looked at.
            OpeningCancelledError: `cancel` was called.
        """
        with tempfile.TemporaryFile(dir=temporary_folder()) as errors:
            try:
                process = self._start(errors)
            except OSError as error:
                raise OpeningError(f"cannot run {sys.executable!r}: {error}") from error
            try:
                said = self._listen(process.stdout, told) if process.stdout else None
            finally:
                process.kill()  # it has said what it had to
                process.wait()
                if process.stdout:
                    process.stdout.close()
            if self._cancelled:
                raise OpeningCancelledError("opening was cancelled")
            match said:
                case Opened(columns=columns):
                    return ImageTable(columns)
                case NotOpened(why=why):
                    raise OpeningError(why)
                case _:
                    errors.seek(0)
                    last = errors.read()[-ERROR_NBYTES:].decode(errors="replace").strip()
                    raise OpeningError(f"finding images ended with code {process.returncode}: {last}")

    def cancel(self) -> None:
        """End it now; a second time is harmless."""
        with self._lock:
            self._cancelled = True
            if self._process is not None and self._process.poll() is None:
                self._process.kill()

    def _start(self, errors: IO[bytes]) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-P", "-m", "hcs_stream.sending._apart", *self._paths]
        with self._lock:
            if self._cancelled:
                raise OpeningCancelledError("opening was cancelled")
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                creationflags=NO_WINDOW,
            )
            return self._process

    def _listen(self, stream: IO[bytes], told: Callable[[int], None]) -> Opened | NotOpened | None:
        while len(head := stream.read(LENGTH.size)) == LENGTH.size:
            (length,) = LENGTH.unpack(head)
            data = stream.read(length)
            if len(data) < length:
                return None
            said = _decoder.decode(data)
            if not isinstance(said, Seen):
                return said
            told(said.count)
        return None
