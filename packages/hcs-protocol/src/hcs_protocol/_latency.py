"""How long images need for the hops of their journey."""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Self

import msgspec

HOPS = ("copy", "queue", "wire", "store", "draw")
"""In the order of the journey; workers time the first two, viewers the others."""
WORKERS_HOPS = HOPS[:2]


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long images needed for one hop of their journey, in seconds; of the latest thousand or so."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Collection[float]) -> Self:
        """Return what half of these times, at least one, and all but a hundredth of them do not exceed."""
        ordered = sorted(seconds)
        p50, p99 = (ordered[math.ceil(part * len(ordered)) - 1] for part in (0.5, 0.99))
        return cls(p50=p50, p99=p99)


def whole_journey(
    viewers: Mapping[str, Latency], workers: Iterable[Mapping[str, Latency]]
) -> dict[str, Latency]:
    """Return the viewer's hops and those of its slowest worker, in the order of the journey.

    Args:
        viewers: What a viewer says of its hops.
        workers: What each worker says of its own.
    """
    hops = dict(viewers)
    workers = list(workers)
    for hop in WORKERS_HOPS:
        if known := [latency[hop] for latency in workers if hop in latency]:
            hops[hop] = max(known, key=lambda latency: latency.p99)
    places = {hop: place for place, hop in enumerate(HOPS)}
    return {hop: hops[hop] for hop in sorted(hops, key=lambda hop: (places.get(hop, len(HOPS)), hop))}
