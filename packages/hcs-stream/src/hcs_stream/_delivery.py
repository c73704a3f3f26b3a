"""What this worker owes one viewer: queued, in flight, released. Pure: no socket, no clock.

Theory of operation. Everything published gets the next number. It waits in the queue, which is always in the
order of the numbers, until the viewer's credit lets it go; it is then in flight until the viewer says that it
has adopted it, and only then its block may be lent anew. A lost session puts all that is in flight back, so
nothing is lost; a release of what was released before changes nothing, so nothing is released twice.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import msgspec

from hcs_protocol import BlockRef, Item, LentBlock


class ItemState(Enum):
    """Where an image, or a message about a run, is on its way."""

    QUEUED = auto()
    IN_FLIGHT = auto()
    RELEASED = auto()


class Event(Enum):
    """What happens to it."""

    SENT = auto()
    ADOPTED = auto()
    REFUSED = auto()
    FRAME_WANTED = auto()
    SESSION_LOST = auto()


QUEUED, IN_FLIGHT, RELEASED = ItemState

TRANSITIONS: Mapping[tuple[ItemState, Event], ItemState] = {
    (QUEUED, Event.SENT): IN_FLIGHT,
    (QUEUED, Event.ADOPTED): QUEUED,  # not said to this session: not to be believed
    (QUEUED, Event.REFUSED): QUEUED,
    (QUEUED, Event.FRAME_WANTED): QUEUED,
    (QUEUED, Event.SESSION_LOST): QUEUED,
    (IN_FLIGHT, Event.ADOPTED): RELEASED,
    (IN_FLIGHT, Event.REFUSED): RELEASED,
    (IN_FLIGHT, Event.FRAME_WANTED): QUEUED,
    (IN_FLIGHT, Event.SESSION_LOST): QUEUED,
    (RELEASED, Event.ADOPTED): RELEASED,  # said twice, after a resend
    (RELEASED, Event.REFUSED): RELEASED,
    (RELEASED, Event.FRAME_WANTED): RELEASED,
    (RELEASED, Event.SESSION_LOST): RELEASED,
}


@dataclass(frozen=True, slots=True)
class Held:
    """The pixels of one image until they are adopted: in a lent block or, without one, in ordinary memory."""

    pixels: memoryview
    block: LentBlock | None = None

    @property
    def ref(self) -> BlockRef | None:
        """The block's reference, None for ordinary memory."""
        return self.block.ref if self.block else None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is published and has no number yet, whatever its message says."""

    item: Item
    held: Held | None = None
    """None for a message about a run."""


@dataclass(slots=True)
class Owed:
    """One numbered item that the viewer has not adopted yet."""

    item: Item
    held: Held | None
    call: int
    """Which call of `Delivery.enqueue` it came with: these go together."""
    by_frame: bool
    state: ItemState = QUEUED
    times_sent: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes of its pixels."""
        return self.held.pixels.nbytes if self.held else 0

    def needs_frame(self, *, by_block: bool) -> bool:
        """Say whether its pixels go as a frame, given whether the viewer reads this worker's blocks."""
        return self.held is not None and (self.by_frame or not by_block)


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamCounters:
    """What became of the images: published = queued + in_flight + adopted + refused."""

    published: int
    queued: int
    in_flight: int
    adopted: int
    shown: int
    resent: int
    refused: int
    nbytes: int
    """Bytes of all published pixels."""


class Delivery:
    """Numbers what is published and keeps it until it is released; sends no more than the credit allows."""

    def __init__(self) -> None:
        self.credit_images = 0
        self.credit_nbytes = 0
        self.last = 0
        """The highest number given."""
        self.last_sent = 0
        """The highest number sent in this session."""
        self._oldest = 1
        self._calls = 0
        self._owed: dict[int, Owed] = {}
        self._queue: list[int] = []  # a heap
        self._in_flight: dict[int, Owed] = {}  # in the order of sending
        self._in_flight_nbytes = 0
        self._counts = dict.fromkeys(("published", "adopted", "shown", "resent", "refused", "nbytes"), 0)

    @property
    def owed(self) -> int:
        """How many items are not released yet."""
        return len(self._owed)

    @property
    def oldest(self) -> int:
        """The lowest number not released yet, or the next one."""
        while self._oldest <= self.last and self._oldest not in self._owed:
            self._oldest += 1
        return self._oldest

    @property
    def in_flight(self) -> int:
        """How many items are in flight."""
        return len(self._in_flight)

    @property
    def largest_in_flight(self) -> int:
        """Bytes of the largest image in flight, 0 if there is none."""
        return max((owed.nbytes for owed in self._in_flight.values()), default=0)

    @property
    def awaited(self) -> Owed | None:
        """The item whose release comes next if the viewer misses none: the first of those in flight."""
        return next(iter(self._in_flight.values()), None)

    @property
    def counters(self) -> StreamCounters:
        """What became of the images so far."""
        images = [owed.state for owed in self._owed.values() if owed.held]
        return StreamCounters(queued=images.count(QUEUED), in_flight=images.count(IN_FLIGHT), **self._counts)

    def enqueue(self, published: Sequence[Outgoing]) -> None:
        """Number these and put them at the end of the queue."""
        self._calls += 1
        for outgoing in published:
            sequence = self.last + 1
            held = outgoing.held
            by_frame = held is not None and held.block is None
            owed = Owed(_numbered(outgoing, sequence), held, self._calls, by_frame)
            self._owed[sequence] = owed
            heapq.heappush(self._queue, sequence)
            self.last = sequence
            self._counts["published"] += held is not None
            self._counts["nbytes"] += owed.nbytes

    def take(self) -> Iterator[Owed]:
        """Yield what the credit lets go, in order; each is in flight from then on."""
        while self._queue and self._allows(owed := self._owed[self._queue[0]]):
            heapq.heappop(self._queue)
            self._in_flight[owed.item.sequence] = owed
            self._in_flight_nbytes += owed.nbytes
            owed.state = TRANSITIONS[owed.state, Event.SENT]
            owed.times_sent += 1
            self.last_sent = max(self.last_sent, owed.item.sequence)
            self._counts["resent"] += owed.held is not None and owed.times_sent > 1
            yield owed

    def adopt(self, sequence: int) -> Owed | None:
        """Release an item; returns it the first time, None if there is nothing to take back."""
        return self._end(sequence, Event.ADOPTED, "adopted")

    def refuse(self, sequence: int, *, send_frame: bool) -> Owed | None:
        """Give an item up and return it, or queue it once more if a frame is wanted and was not sent."""
        owed = self._in_flight.get(sequence)
        if owed and send_frame and not owed.by_frame and owed.held:
            owed.by_frame = True
            self._move(owed, Event.FRAME_WANTED)
            heapq.heappush(self._queue, sequence)
            return None
        return self._end(sequence, Event.REFUSED, "refused")

    def show(self, count: int) -> None:
        """Count images that are in their layers."""
        self._counts["shown"] += count

    def lose_session(self) -> None:
        """Put everything in flight back at the front of the queue, in order; there is no credit any more."""
        for owed in list(self._in_flight.values()):
            self._move(owed, Event.SESSION_LOST)
        for owed in self._owed.values():
            owed.state = QUEUED  # an interrupted call may have left its work half done
        self._queue = sorted(self._owed)
        self._in_flight_nbytes = self.credit_images = self.credit_nbytes = self.last_sent = 0

    def _allows(self, owed: Owed) -> bool:
        if not self.credit_images:
            return False
        if not self._in_flight:
            return True  # an image larger than the whole credit goes alone
        nbytes = self._in_flight_nbytes + owed.nbytes
        return len(self._in_flight) < self.credit_images and nbytes <= self.credit_nbytes

    def _end(self, sequence: int, event: Event, count: str) -> Owed | None:
        owed = self._in_flight.get(sequence)
        if owed is None:
            return None
        self._move(owed, event)
        del self._owed[sequence]
        self._counts[count] += owed.held is not None
        return owed

    def _move(self, owed: Owed, event: Event) -> None:
        owed.state = TRANSITIONS[owed.state, event]
        del self._in_flight[owed.item.sequence]
        self._in_flight_nbytes -= owed.nbytes


def _numbered(outgoing: Outgoing, sequence: int) -> Item:
    ref = outgoing.held and outgoing.held.ref
    if ref is None:
        return msgspec.structs.replace(outgoing.item, sequence=sequence)
    return msgspec.structs.replace(outgoing.item, sequence=sequence, pixels=ref)
