"""One way of images from a process to another, as the driver sees it."""

from .children import Child

NANOSECONDS = 1e9


class Lane:
    """Starts a flood at its producer and hears from its consumer when the last image is checked."""

    def __init__(self, name: str, producer: Child, consumer: Child | None = None, **how: object) -> None:
        """Name the two ends.

        Args:
            name: What keys call it.
            producer: Sends; without a consumer it says itself when the last image was checked.
            consumer: Copies out and checks.
            how: Arguments of the producer's command beside first number and count.
        """
        self.name = name
        self.images = 0
        self._producer = producer
        self._consumer = consumer
        self._how = how

    def flood(self, count: int) -> float:
        """Send so many images as fast as they go; return seconds for each until all are checked."""
        first, self.images = self.images + 1, self.images + count
        if self._consumer is not None:
            self._consumer.tell("take", first=first, count=count)
        sent = self._producer.ask("send", first=first, count=count, **self._how)
        checked = sent if self._consumer is None else self._consumer.hear()
        return float(checked["ended"] - sent["began"]) / count / NANOSECONDS
