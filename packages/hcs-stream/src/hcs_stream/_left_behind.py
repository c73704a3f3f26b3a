"""What workers of this machine that ended left for viewers on other machines, sent after all.

A viewer takes what is left on its own machine by itself; another machine's memory and disks it cannot read.
"""

from collections import Counter
from typing import NamedTuple

from hcs_protocol import Destination, OrphanedImage, OrphanFinder

from ._stream import Stream
from ._whereabouts import LOCAL_HOSTS


class Place(NamedTuple):
    """A viewer as a worker asked for it."""

    host: str
    data_port: int

    def __str__(self) -> str:
        """Return it as streams call it."""
        return f"{self.host}:{self.data_port}"


def left_behind(finder: OrphanFinder) -> dict[Place, int]:
    """Return how many images workers that ended left for each viewer on another machine."""
    found: Counter[Place] = Counter()

    def count(destination: Destination) -> bool:
        if destination.host not in LOCAL_HOSTS:
            found[Place(destination.host, destination.data_port)] += 1
        return False

    finder.adopt_orphans(count, lambda image: None)
    return dict(sorted(found.items()))


def send_left_behind(finder: OrphanFinder, stream: Stream, place: Place) -> int:
    """Send what was left for a viewer; from then on this process owes it. Returns how many images it was.

    Args:
        finder: One that was asked nothing yet.
        stream: To this viewer, and no other.
        place: As workers asked for it.

    Raises:
        ViewerStalledError: The viewer takes nothing any more; what was not sent stays left.
    """

    def is_meant(destination: Destination) -> bool:
        return (destination.host, destination.data_port) == place

    def send(image: OrphanedImage) -> None:
        stream.send_prepared(image.image, image.pixels)

    return finder.adopt_orphans(is_meant, send)
