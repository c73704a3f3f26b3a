"""What a command says of the images that it sends: how far it is, what is unreadable, what was left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from hcs_protocol import Kind
from hcs_stream._addresses import StepLike
from hcs_stream._stream import Stream
from hcs_stream.sending import Choice, FoundImage, Sender, reason

from ._teller import Teller

ALL = Choice()


class TellingSender(Sender):
    """Sends images and tells how far it is."""

    def __init__(
        self,
        stream: Stream,
        teller: Teller,
        step: StepLike = None,
        kind: Kind | None = None,
        choice: Choice = ALL,
    ) -> None:
        super().__init__(
            stream, step, kind, accepts=lambda image, plane: choice.accepts_plane(image.keywords, plane)
        )
        self._teller = teller
        self.files = 0
        """Files that are sent, or could not be."""
        self.unreadable: dict[tuple[Path, tuple[int, ...]], str] = {}
        """By file, and by plane where each is sent for itself."""

    def send_all(self, images: Sequence[FoundImage]) -> None:
        """Send all, in order; one that cannot be read or shown is named, and the others are sent.

        Raises:
            ViewerStalledError: The viewer takes nothing any more.
        """
        for image, failure in self.each(images):
            if failure is not None:
                path, key = image.file.path, image.file.key
                self.unreadable[path, key] = str(failure)
                plane = f", plane {key}" if key else ""
                self._teller.say(f"not sent: {path}{plane}: {failure}")
            self.files += 1
            self._teller.progress("sending", self.files, len(images))


def summary(sent: int, of: int, skipped: Mapping[str, Sequence[Path]], unreadable: int, viewer: str) -> str:
    """Say in one line how many images were sent, which were not, and why."""
    parts = [f"sent {sent} of {of} image{'' if of == 1 else 's'} to {viewer}"]
    counts = Counter({why: len(paths) for why, paths in skipped.items()})
    if counts:
        parts.append(f"skipped {', '.join(reason(why, count) for why, count in counts.items())}")
    if unreadable:
        parts.append(f"{unreadable} unreadable")
    return "; ".join(parts)
