"""Images of dead workers: what a viewer sees of them, and who finds them."""

from collections.abc import Callable
from typing import Protocol

from ._journal_entries import Destination
from ._messages import ImageReady


class OrphanedImage(Protocol):
    """An image that a worker published before it died, and that nobody adopted."""

    @property
    def destination(self) -> Destination:
        """To whom it was published."""

    @property
    def sequence(self) -> int:
        """The number it was sent by in that `Destination.worker_run`; 0 if it was never sent."""

    @property
    def image(self) -> ImageReady:
        """What it shows; its own sequence and where its pixels are say nothing."""

    @property
    def pixels(self) -> memoryview:
        """Its bytes, valid until the next image is looked at."""


class OrphanFinder(Protocol):
    """The viewer's side: finds what dead workers still owe."""

    def adopt_orphans(
        self, is_ours: Callable[[Destination], bool], adopt: Callable[[OrphanedImage], object]
    ) -> int:
        """Give each image that dead workers owe to one of our destinations to ``adopt``, in their order.

        When ``adopt`` returns, the image is written down as not owed any more; when it raises, it stays owed.
        A segment that owes nothing is removed. Returns how many images there were.
        """
