"""Images on their way from files to a viewer: read ahead, sent in order, what cannot be read is named."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

from hcs_protocol import (
    HandshakeRefusedError,
    InvalidComponentError,
    Kind,
    UnsupportedArrayError,
    ViewerStalledError,
)
from hcs_stream._addresses import ImageKeywords, StepLike
from hcs_stream._extras import MissingExtraError
from hcs_stream._plate_runs import declare_plate
from hcs_stream._stream import Stream
from hcs_stream.microscopes import UnreadableImageError

from ._found_images import FoundImage
from ._open_plates import reason
from ._planes import Plane, read_planes
from ._read_ahead import read_ahead
from ._teller import Teller

UNREADABLE = (UnreadableImageError, MissingExtraError, UnsupportedArrayError, InvalidComponentError, OSError)
"""Errors of one image that do not keep the others from being sent."""
OF_THE_VIEWER = (ViewerStalledError, HandshakeRefusedError)
"""Some of them are an OSError too."""


class Sender:
    """Sends images and keeps count."""

    def __init__(self, stream: Stream, teller: Teller, step: StepLike = None, kind: Kind = "image") -> None:
        self._stream = stream
        self._teller = teller
        self._step = step
        self._kind: Kind = kind
        self.sent = 0
        """Images; several from a file that has several planes."""
        self.files = 0
        """Files that are sent, or could not be."""
        self.unreadable: dict[Path, str] = {}

    def send_all(self, images: Sequence[FoundImage]) -> None:
        """Send all, in order; one that cannot be read or shown is named, and the others are sent.

        Raises:
            ViewerStalledError: The viewer takes nothing any more.
        """
        for image, failure in self.each(images):
            if failure is not None:
                self.unreadable[image.file.path] = str(failure)
                self._teller.say(f"not sent: {image.file.path}: {failure}")
            self.files += 1
            self._teller.progress("sending", self.files, len(images))

    def each(self, images: Iterable[FoundImage]) -> Iterator[tuple[FoundImage, Exception | None]]:
        """Send image after image; yield each with why it could not be sent, if so."""
        with closing(read_ahead(images, read_planes)) as ahead:
            for image, read in ahead:
                try:
                    self._send(read.result())
                except OF_THE_VIEWER:
                    raise
                except UNREADABLE as error:
                    yield image, error
                else:
                    yield image, None

    def _send(self, planes: Iterator[Plane]) -> None:
        for pixels, keywords in planes:
            told: ImageKeywords = {**keywords, "step": self._step, "kind": self._kind}
            self._stream.send(pixels, **told)
            self.sent += 1


def declare(stream: Stream, images: Sequence[FoundImage], name: str, step: StepLike) -> None:
    """Tell the viewer what is to come, if it can be told."""
    with suppress(InvalidComponentError):  # there are too many, or a name that no plate can have
        declare_plate(stream, (image.keywords for image in images), name=name, steps=[step] if step else [])


def summary(sent: int, of: int, skipped: Mapping[str, Sequence[Path]], unreadable: int, viewer: str) -> str:
    """Say in one line how many images were sent, which were not, and why."""
    parts = [f"sent {sent} of {of} image{'' if of == 1 else 's'} to {viewer}"]
    counts = Counter({why: len(paths) for why, paths in skipped.items()})
    if counts:
        parts.append(f"skipped {', '.join(reason(why, count) for why, count in counts.items())}")
    if unreadable:
        parts.append(f"{unreadable} unreadable")
    return "; ".join(parts)
