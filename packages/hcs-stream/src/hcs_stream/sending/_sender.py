"""Images on their way from files to a viewer: read ahead, sent in order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy.typing as npt

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
from ._planes import Plane, read_planes
from ._read_ahead import read_ahead
from ._steps import steps_of

UNREADABLE = (UnreadableImageError, MissingExtraError, UnsupportedArrayError, InvalidComponentError, OSError)
"""Errors of one image that do not keep the others from being sent."""
OF_THE_VIEWER = (ViewerStalledError, HandshakeRefusedError)
"""Some of them are an OSError too."""


class Sender:
    """Sends images and keeps count."""

    def __init__(
        self,
        stream: Stream,
        step: StepLike = None,
        kind: Kind | None = None,
        *,
        accepts: Callable[[FoundImage, ImageKeywords], bool] = lambda *_: True,
        stalled: Callable[[ViewerStalledError], None] | None = None,
        waits: Callable[[], None] = lambda: None,
    ) -> None:
        """Send nothing yet.

        Args:
            stream: To where.
            step: Of which step of a pipeline they are; by default what the plate says of each.
            kind: What they are; by default what the plate says.
            accepts: Says of each plane of a file that has several whether it is sent.
            stalled: Called when the viewer takes nothing for as long as the stream's policy waits; the image
                is tried again, unless this raises. By default that is the end of it.
            waits: Called now and then while a file is read, as from a disk that hangs; if it raises, that is
                the end of it.
        """
        self._stream = stream
        self._said: ImageKeywords = {}
        if step is not None:
            self._said["step"] = step
        if kind is not None:
            self._said["kind"] = kind
        self._read = partial(read_planes, accepts=accepts)
        self._stalled = stalled
        self._waits = waits
        self.sent = 0
        """Images; several from a file that has several planes."""
        self._begun: dict[Path, int] = {}
        """Planes that were sent of files which could not be read to their end."""

    def each(self, images: Iterable[FoundImage]) -> Iterator[tuple[FoundImage, Exception | None]]:
        """Send image after image; yield each with why it could not be sent, if so.

        Raises:
            ViewerStalledError: The viewer takes nothing any more.
        """
        with closing(read_ahead(images, self._read, waits=self._waits)) as ahead:
            for image, read in ahead:
                try:
                    self._send(image.file.path, read.result())
                except OF_THE_VIEWER:
                    raise
                except UNREADABLE as error:
                    yield image, error
                else:
                    yield image, None

    def _send(self, path: Path, planes: Iterator[Plane]) -> None:
        counted = self._begun.pop(path, 0)
        for number, (pixels, keywords) in enumerate(planes, 1):
            told: ImageKeywords = {**keywords, **self._said}
            while not self._took(pixels, told):
                pass
            self.sent += number > counted  # what is sent anew stands at the same place
            self._begun[path] = max(number, counted)
        self._begun.pop(path, None)

    def _took(self, pixels: npt.NDArray[Any], told: ImageKeywords) -> bool:
        try:
            self._stream.send(pixels, **told)
        except ViewerStalledError as error:
            if self._stalled is None:
                raise
            self._stalled(error)
            return False
        return True


def declare(stream: Stream, images: Sequence[FoundImage], name: str, step: StepLike = None) -> None:
    """Tell the viewer which wells, sites and so on are to come, so that its sliders do not grow."""
    steps = [step] if step else steps_of(images)
    with suppress(InvalidComponentError):  # there are too many, or a name that no plate can have
        declare_plate(stream, (image.keywords for image in images), name=name, steps=steps)
