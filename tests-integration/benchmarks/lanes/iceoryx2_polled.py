"""iceoryx2 as fast as it goes: both ends ask again and again, and have a core each for it."""

import time

from .commands import serve_as
from .iceoryx2_slices import Consumer, Producer


class EagerProducer(Producer):
    """Wakes nobody."""

    def say_so(self) -> None:
        """Say nothing."""

    def wait(self) -> None:
        """Ask again."""
        time.sleep(0)


class EagerConsumer(Consumer):
    """Never sleeps."""

    def say_so(self) -> None:
        """Say nothing."""

    def wait(self) -> None:
        """Ask again."""


if __name__ == "__main__":
    serve_as(EagerProducer, EagerConsumer)
