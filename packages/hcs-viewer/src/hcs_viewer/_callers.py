"""Who has connected and is not let in yet: how many may wait, and how much they may say. Pure: no socket."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

MOST_WAITING = 256
"""Callers that are not let in yet; of more, the one that waits longest goes."""
WAITING_NBYTES = 1 << 14
"""A handshake takes less than a thousand bytes."""
MOST_PEERS = 4096
"""Callers that were let in."""


@dataclass
class Caller:
    """One connection, from when it was accepted until it is over."""

    port: int
    descriptor: int
    address: str = ""
    """Of its machine."""
    is_let_in: bool = False


@dataclass(frozen=True)
class Looked:
    """What the system says of a connection."""

    address: str
    received: int
    """Bytes that came from it; 0 if that is not told."""
    is_let_in: bool


class Callers:
    """All connections of one viewer, the oldest first."""

    def __init__(self, most_peers: int = MOST_PEERS, most_waiting: int = MOST_WAITING) -> None:
        self._callers: dict[tuple[int, int], Caller] = {}
        self._most_peers, self._most_waiting = most_peers, most_waiting
        self._waiting: dict[tuple[int, int], Caller] = {}

    def come(self, port: int, descriptor: int) -> None:
        """Note that somebody connected."""
        caller = Caller(port, descriptor)
        self._callers.pop((port, descriptor), None)
        self._callers[port, descriptor] = self._waiting[port, descriptor] = caller

    def go(self, port: int, descriptor: int) -> None:
        """Note that a connection is over; a second time is harmless."""
        self._callers.pop((port, descriptor), None)
        self._waiting.pop((port, descriptor), None)

    def waits(self, caller: Caller) -> bool:
        """Say whether this one is there, and not let in yet."""
        return self._waiting.get((caller.port, caller.descriptor)) is caller

    @property
    def is_anybody_waiting(self) -> bool:
        """Whether there is anybody who is not let in yet."""
        return bool(self._waiting)

    @property
    def waiting(self) -> list[Caller]:
        """Those who are not let in yet."""
        return list(self._waiting.values())

    def see(self, caller: Caller, looked: Looked) -> str | None:
        """Note what a caller is like; returns why it has to go, None if it may stay."""
        caller.address = looked.address
        if looked.is_let_in:
            caller.is_let_in = True
            self._waiting.pop((caller.port, caller.descriptor), None)
            are_too_many = len(self._callers) - len(self._waiting) > self._most_peers
            return "too many peers: raise the viewer's limit of files, 'ulimit -n'" if are_too_many else None
        if looked.received > WAITING_NBYTES:
            return "says more than a handshake"
        return None

    def too_many(self) -> Iterator[Caller]:
        """Yield those who have to go because too many wait: first of the machine that has most of them."""
        queues = dict[str, deque[Caller]]()
        for caller in self._waiting.values():
            queues.setdefault(caller.address, deque()).append(caller)
        loudest = [(-len(queue), place, address) for place, (address, queue) in enumerate(queues.items())]
        heapify(loudest)
        for _ in range(len(self._waiting) - self._most_waiting):
            count, place, address = heappop(loudest)
            heappush(loudest, (count + 1, place, address))
            yield queues[address].popleft()

    def __len__(self) -> int:
        return len(self._callers)
