"""What workers of this machine that ended left for viewers on other machines, sent after all.

A viewer takes what is left on its own machine by itself; another machine's memory and disks it cannot read.
"""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from hcs_protocol import Destination, OrphanedImage, OrphanFinder

from ._stream import Stream
from ._whereabouts import LOCAL_HOSTS

CLOSE_SECONDS = 2.0


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


def send_left_behind(
    finder: OrphanFinder, place: Place, connect: Callable[[], Stream], *, timeout: float
) -> int:
    """Send what was left for a viewer, and return how many images that was, once it has all of them.

    Args:
        finder: One that was asked nothing yet.
        place: As workers asked for the viewer.
        connect: Opens a stream to it. That may remove what is too old, but not what is being looked at.
        timeout: Seconds to wait, at the end, for what is under way.

    Raises:
        HcsError: The viewer is not there, or takes nothing any more; what it has not taken stays left.
    """
    opened: list[Stream] = []

    def is_meant(destination: Destination) -> bool:
        return (destination.host, destination.data_port) == place

    def send(image: OrphanedImage) -> None:
        if not opened:
            opened.append(connect())
        opened[0].send_prepared(image.image, image.pixels)

    try:
        sent = finder.adopt_orphans(is_meant, send)
        for stream in opened:
            stream.flush(timeout)
        return sent
    finally:
        for stream in opened:
            stream.close(CLOSE_SECONDS)
