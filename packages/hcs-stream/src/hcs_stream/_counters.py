"""What became of a stream's images."""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamCounters:
    """What became of the images: published = queued + in_flight + adopted + refused + dropped."""

    published: int = 0
    queued: int = 0
    in_flight: int = 0
    adopted: int = 0
    shown: int = 0
    resent: int = 0
    refused: int = 0
    spilled: int = 0
    """Images whose pixels went to disk for a while, or are sent as the file they lie in too."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Images given up, by the policy that did it."""
    nbytes: int = 0
    """Bytes of all published pixels."""


def total(counters: Iterable[StreamCounters]) -> StreamCounters:
    """Return the sum of these."""
    counts: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    for counted in counters:
        numbers = dataclasses.asdict(counted)
        dropped.update(numbers.pop("dropped"))
        counts.update(numbers)
    return StreamCounters(dropped=dict(dropped), **counts)
