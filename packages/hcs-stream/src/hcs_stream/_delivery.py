"""What this worker owes one viewer: queued, in flight, released. Pure: no socket, no clock of its own.

Everything published waits in the queue, in the order of publishing, until the viewer's credit lets it go. It
then gets the next number and is in flight until the viewer says that it has adopted it; only then this viewer
needs its block no more. `_states` has the law of what may follow what.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence

import msgspec

from hcs_protocol import PLAIN, FileRef, ImageReady

from ._batches import joins
from ._counters import StreamCounters
from ._held import Held
from ._owed import Owed
from ._states import IN_DOUBT, IN_FLIGHT, QUEUED, RELEASED, TRANSITIONS, Event

SENT = Event.SENT  # to look an enum's member up takes as long as to move it

COUNTED = "published", "adopted", "shown", "resent", "refused", "spilled", "nbytes"
FLOOD, GATHERED = 4, 8
"""While so many images are in flight it is a flood; then so many small ones make a message."""


class Delivery:
    """Keeps what is published until it is released; sends no more than the credit allows."""

    def __init__(self, release: Callable[[Held, int], None] = lambda held, place: None) -> None:
        """Owe nothing yet.

        Args:
            release: Told which pixels this viewer, one of their destinations, does not need any more, before
                that is noted here: a call may be interrupted, and to say it twice is harmless.
        """
        self._release = release
        self.credit_images = 0
        self.credit_nbytes = 0
        self.viewer_run = ""
        """To whom is sent what `take` yields."""
        self.last = 0
        """The highest number given."""
        self.last_sent = 0
        """The highest number sent in this session."""
        self.published = 0
        """How many items were published."""
        self.oldest = 1
        """The lowest number not released yet, or the next one."""
        self._calls = 0
        self._owed: OrderedDict[int, Owed] = OrderedDict()  # by ticket
        self._queue: deque[Owed] = deque()  # by ticket; what was dropped is still in it
        self._numbered: dict[int, Owed] = {}
        self._in_flight: dict[int, Owed] = {}  # by number, in the order of sending
        self._in_flight_nbytes = 0
        self._counts = dict.fromkeys(COUNTED, 0)
        self._dropped: Counter[str] = Counter()

    @property
    def owed(self) -> int:
        """How many items are not released yet."""
        return len(self._owed)

    @property
    def waiting(self) -> int:
        """How many items are owed and not in flight."""
        return len(self._owed) - len(self._in_flight)

    @property
    def settled(self) -> int:
        """Up to which ticket everything is released."""
        return next(iter(self._owed), self.published + 1) - 1

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
        in_flight = sum(owed.is_image for owed in self._in_flight.values())
        gone = sum(self._counts[name] for name in ("adopted", "refused")) + self._dropped.total()
        queued = max(0, self._counts["published"] - gone - in_flight)
        return StreamCounters(queued=queued, in_flight=in_flight, dropped=dict(self._dropped), **self._counts)

    def enqueue(self, published: Sequence[Owed], now: float = 0.0) -> tuple[int, int]:
        """Put these at the end of the queue; returns how many waited before, and how many are in flight."""
        before = len(self._owed) - len(self._in_flight), len(self._in_flight)
        self._calls += 1
        for owed in published:
            owed.ticket = ticket = self.published + 1
            owed.call, owed.published_at = self._calls, now
            held, counts = owed.held, self._counts
            self.published = ticket  # no call up to where it is owed: Ctrl-C comes at calls
            if held is not None:
                owed.nbytes = held.nbytes
                counts["published"] += 1
                counts["nbytes"] += held.nbytes
                counts["spilled"] += held.pixels is None
            self._owed[ticket] = owed
            self._queue.append(owed)
        return before

    def take(
        self,
        window_nbytes: int = 1 << 62,
        is_ready: Callable[[Owed], bool] | None = None,
        *,
        by_block: bool = True,
    ) -> list[Owed]:
        """Return what goes in the next message, in order: in flight from then on; empty if nothing may go.

        Args:
            window_nbytes: What this worker itself allows to be in flight, whatever the viewer's credit.
            is_ready: Whether one may go as it is, else what follows waits behind it; None lets all go.
            by_block: Whether the viewer reads this worker's blocks; a frame goes alone.
        """
        message: list[Owed] = []
        while self._queue:
            owed = self._queue[0]
            if owed.state is QUEUED:
                if not self._allows(owed, window_nbytes) or not (is_ready is None or is_ready(owed)):
                    break
                alone = owed.needs_frame(by_block=by_block)
                if message and (alone or not joins(owed, message)):
                    break
                self._queue.popleft()
                self._note_sent(owed)
                message.append(owed)
                if alone:
                    break
            else:
                self._queue.popleft()
        return message

    def _note_sent(self, owed: Owed) -> None:
        if not (sequence := owed.sequence):
            sequence = self.last + 1
            if owed.item.sequence != sequence:  # it was guessed; Ctrl-C may come here, and not below
                owed.item = msgspec.structs.replace(owed.item, sequence=sequence)
            self.last = owed.sequence = sequence
            self._numbered[sequence] = owed
        owed.viewer_run = self.viewer_run
        owed.state = TRANSITIONS[owed.state, SENT]
        self._in_flight[sequence] = owed
        self._in_flight_nbytes += owed.nbytes
        owed.times_sent += 1
        if sequence > self.last_sent:
            self.last_sent = sequence
        if owed.times_sent > 1 and owed.is_image:
            self._counts["resent"] += 1

    @property
    def queued(self) -> Iterator[Owed]:
        """What goes out next, in order; nothing else may be called meanwhile."""
        return (owed for owed in self._queue if owed.state is QUEUED)

    def gathers(self, nbytes: int) -> bool:
        """Say whether the next image, if smaller than this, had better wait for company.

        It does while enough is in flight that a release comes soon, and lets it go.
        """
        if len(self._in_flight) < FLOOD or not 0 < self.waiting < GATHERED:
            return False
        following = next(self.queued, None)
        return following is not None and following.nbytes < nbytes

    def adopt(self, sequence: int) -> Owed | None:
        """Release an item; returns it the first time, else None."""
        return self._end(sequence, Event.ADOPTED)

    def refuse(self, sequence: int, *, send_frame: bool) -> Owed | None:
        """Give an item up and return it, or queue it again if a plain frame is wanted and was not sent."""
        owed = self._in_flight.get(sequence)
        if owed and send_frame and owed.held and owed.may_be_plainer:
            owed.by_frame, owed.codec = True, PLAIN
            self._move(owed, Event.FRAME_WANTED)
            self._queue.appendleft(owed)
            if len(self._queue) > 1 and self._queue[1].ticket < owed.ticket:
                self.put_in_order()
            return None
        return self._end(sequence, Event.REFUSED)

    def show(self, count: int) -> None:
        """Count images that are in their layers."""
        self._counts["shown"] += count

    def lose_session(self) -> None:
        """Leave everything in flight in doubt; there is no credit any more."""
        self.credit_images = self.credit_nbytes = self.last_sent = 0
        for owed in self._owed.values():
            owed.state = TRANSITIONS[owed.state, Event.SESSION_LOST]
        self.put_in_order()

    def let_go(self, viewer_run: str | None = None) -> None:
        """Queue again what was in doubt at this viewer, or at any: nobody reads it there any more."""
        for owed in self._owed.values():
            if viewer_run in {None, owed.viewer_run}:
                owed.state = TRANSITIONS[owed.state, Event.LET_GO]
        self.put_in_order()

    @property
    def has_doubts(self) -> bool:
        """Whether anything is in doubt."""
        return any(owed.state is IN_DOUBT for owed in self._owed.values())

    def left(self) -> list[Owed]:
        """Return all that is owed, the oldest first."""
        return list(self._owed.values())

    def owes(self, held: Held) -> bool:
        """Say whether these pixels are owed."""
        return any(owed.held is held for owed in self._owed.values())

    def drop(
        self, policy: str, layer: str | None = None, *, reads: Callable[[FileRef], bool] = lambda file: True
    ) -> bool:
        """Give up the oldest image that may be dropped, of this layer or any; False if none may.

        An image that lies in a file, too, stays owed as a reference to it, if the viewer reads that.
        """
        waiting = (owed for owed in self._owed.values() if layer in {None, owed.layer})
        owed = next((owed for owed in waiting if owed.may_be_dropped), None)
        if owed is None or owed.held is None:
            return False
        if owed.file is not None and reads(owed.file):
            owed.item = msgspec.structs.replace(owed.item, pixels=owed.file, file=None)
            self._leave_to_file(owed)
            self._counts["spilled"] += 1
        else:
            owed.dropped_by = policy
            owed.state = TRANSITIONS[owed.state, Event.DROPPED]
            self._forget(owed)
        return True

    def _leave_to_file(self, owed: Owed) -> None:
        if owed.held is not None:
            self._release(owed.held, owed.place)
        owed.held, owed.nbytes = None, 0

    def spillable(self) -> Owed | None:
        """Return the newest image that may go to disk: what waits longest goes out first."""
        return next((owed for owed in reversed(self._owed.values()) if owed.may_be_spilled), None)

    def count_spilled(self) -> None:
        """Count an image whose pixels went to disk."""
        self._counts["spilled"] += 1

    def _allows(self, owed: Owed, window_nbytes: int) -> bool:
        if not self._in_flight:
            return self.credit_images > 0  # an image larger than the whole credit goes alone
        nbytes = self._in_flight_nbytes + owed.nbytes
        has_room = nbytes <= self.credit_nbytes and nbytes <= window_nbytes
        return has_room and len(self._in_flight) < self.credit_images

    def _end(self, sequence: int, event: Event) -> Owed | None:
        owed = self._in_flight.get(sequence)
        if owed is None:
            return None
        owed.is_refused = event is Event.REFUSED
        self._move(owed, event)
        self._forget(owed)
        return owed

    def _forget(self, owed: Owed) -> None:
        """Forget what is released; Ctrl-C on the way leaves it for `put_in_order`, which does it again."""
        if owed.held is not None:
            self._release(owed.held, owed.place)
        is_image, counted = owed.is_image, "refused" if owed.is_refused else "adopted"
        del self._owed[owed.ticket]
        if owed.sequence in self._numbered:
            del self._numbered[owed.sequence]
        if owed.dropped_by:
            self._dropped[owed.dropped_by] += 1
        else:
            self._counts[counted] += is_image
        self._find_oldest()

    def _find_oldest(self) -> None:
        while self.oldest <= self.last and self.oldest not in self._numbered:
            self.oldest += 1

    def _move(self, owed: Owed, event: Event) -> None:
        owed.state = TRANSITIONS[owed.state, event]
        del self._in_flight[owed.sequence]
        self._in_flight_nbytes -= owed.nbytes

    def put_in_order(self) -> None:
        """Make queue and flight anew from what is owed: a call may have been interrupted."""
        for owed in self._owed.values():
            if owed.held is not None and isinstance(owed.item, ImageReady) and owed.item.pixels is owed.file:
                self._leave_to_file(owed)
        for owed in [owed for owed in self._owed.values() if owed.state is RELEASED]:
            self._forget(owed)
        self._in_flight = {owed.sequence: owed for owed in self._owed.values() if owed.state is IN_FLIGHT}
        self._in_flight_nbytes = sum(owed.nbytes for owed in self._in_flight.values())
        self._numbered = {owed.sequence: owed for owed in self._owed.values() if owed.sequence}
        self._find_oldest()
        self._queue = deque(owed for owed in self._owed.values() if owed.state is QUEUED)
