"""What a worker owes a viewer, event by event."""

import itertools
from collections.abc import Iterator

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hcs_protocol import FrameRef, ImageReady, ImageSpec, RunEnded
from hcs_protocol.testing import FakeLender
from hcs_stream._batches import BATCH_ITEMS, batches
from hcs_stream._delivery import (
    IN_FLIGHT,
    QUEUED,
    RELEASED,
    TRANSITIONS,
    Delivery,
    Event,
    Held,
    ItemState,
    Outgoing,
)

LENDER = FakeLender(1 << 40)


def outgoing(nbytes: int = 1, *, by_block: bool = True) -> Outgoing:
    """An image of so many bytes that is not numbered yet."""
    spec = ImageSpec(shape=(1, nbytes), dtype="uint8")
    ready = ImageReady(sequence=1, spec=spec, pixels=FrameRef(frame=1, nbytes=nbytes))
    if not by_block:
        return Outgoing(ready, Held(memoryview(bytes(nbytes))))
    block = LENDER.lend(nbytes)
    return Outgoing(ready, Held(block.pixels, block))


def delivery(*sizes: int, images: int = 100, nbytes: int = 1 << 30) -> Delivery:
    """A delivery with these images queued and this credit."""
    made = Delivery()
    made.credit_images, made.credit_nbytes = images, nbytes
    made.enqueue([outgoing(size) for size in sizes])
    return made


def take(owing: Delivery) -> list[int]:
    """The numbers that go now."""
    return [owed.item.sequence for owed in owing.take()]


# The table.


def test_every_event_is_decided_in_every_state_but_what_is_sent_is_queued() -> None:
    decided = set(itertools.product(ItemState, Event)) - {(IN_FLIGHT, Event.SENT), (RELEASED, Event.SENT)}

    assert set(TRANSITIONS) == decided


def test_what_is_released_stays_released() -> None:
    assert {after for (before, _), after in TRANSITIONS.items() if before is RELEASED} == {RELEASED}


def test_only_what_is_in_flight_can_be_released() -> None:
    before = {before for (before, _), after in TRANSITIONS.items() if after is RELEASED}

    assert before == {IN_FLIGHT, RELEASED}


def test_nothing_but_sending_brings_an_item_into_flight() -> None:
    assert [pair for pair, after in TRANSITIONS.items() if after is IN_FLIGHT] == [(QUEUED, Event.SENT)]


# The rules, one by one.


def test_numbers_begin_with_one_and_have_no_gaps() -> None:
    owing = delivery(1, 1)
    owing.enqueue([Outgoing(RunEnded(sequence=1, run="r")), outgoing()])

    assert take(owing) == [1, 2, 3, 4]


def test_no_more_images_are_in_flight_than_the_credit_says() -> None:
    owing = delivery(1, 1, 1, images=2)

    assert take(owing) == [1, 2]


def test_no_more_bytes_are_in_flight_than_the_credit_says() -> None:
    owing = delivery(4, 4, 4, nbytes=9)

    assert take(owing) == [1, 2]


def test_a_release_lets_the_next_one_go() -> None:
    owing = delivery(1, 1, images=1)
    take(owing)

    owing.adopt(1)

    assert take(owing) == [2]


def test_an_image_larger_than_the_credit_goes_when_nothing_else_is_in_flight() -> None:
    owing = delivery(1, 100, nbytes=10)
    assert take(owing) == [1]

    owing.adopt(1)

    assert take(owing) == [2]


def test_without_credit_nothing_goes() -> None:
    assert take(delivery(1, images=0)) == []


def test_a_release_gives_its_image_back_once() -> None:
    owing = delivery(1)
    take(owing)

    assert owing.adopt(1) is not None
    assert owing.adopt(1) is None


def test_a_release_of_what_was_not_sent_is_not_believed() -> None:
    owing = delivery(1, 1, images=1)
    take(owing)

    assert owing.adopt(2) is None
    assert owing.adopt(3) is None
    assert owing.counters.adopted == 0


def test_a_lost_session_puts_all_in_flight_back_before_what_waits() -> None:
    owing = delivery(1, 1, 1, 1, images=3)
    take(owing)
    owing.adopt(2)

    owing.lose_session()

    owing.credit_images, owing.credit_nbytes = 9, 9
    assert take(owing) == [1, 3, 4]


def test_the_oldest_is_the_lowest_number_not_released() -> None:
    owing = delivery(1, 1, 1)
    take(owing)

    oldest = [owing.oldest, owing.adopt(2) and owing.oldest, owing.adopt(1) and owing.oldest]

    assert oldest == [1, 1, 3]


def test_with_nothing_owed_the_oldest_is_the_next_number() -> None:
    owing = delivery(1)
    take(owing)
    owing.adopt(1)

    assert owing.oldest == 2


def test_a_refused_image_is_given_up() -> None:
    owing = delivery(1, 1)
    take(owing)

    assert owing.refuse(1, send_frame=False) is not None
    assert (owing.counters.refused, owing.oldest) == (1, 2)


def test_an_image_refused_by_block_goes_again_as_a_frame() -> None:
    owing = delivery(1, 1, 1)
    take(owing)

    assert owing.refuse(2, send_frame=True) is None
    again = list(owing.take())
    assert [(owed.item.sequence, owed.by_frame) for owed in again] == [(2, True)]


def test_an_image_refused_as_a_frame_too_is_given_up() -> None:
    owing = delivery(1)
    take(owing)
    owing.refuse(1, send_frame=True)
    take(owing)

    assert owing.refuse(1, send_frame=True) is not None


def test_an_interrupted_take_loses_nothing() -> None:
    owing = delivery(1, 1, 1)
    taken = owing.take()
    next(taken)

    taken.close()
    owing.lose_session()

    owing.credit_images, owing.credit_nbytes = 9, 9
    assert take(owing) == [1, 2, 3]


def test_the_counters_add_up() -> None:
    owing = delivery(1, 1, 1, 1, images=3)
    owing.enqueue([Outgoing(RunEnded(sequence=1, run="r"))])
    take(owing)
    owing.adopt(1)
    owing.refuse(2, send_frame=False)

    counted = owing.counters

    assert (counted.published, counted.queued, counted.in_flight) == (4, 1, 1)
    assert (counted.adopted, counted.refused, counted.nbytes) == (1, 1, 4)


# Which go in one message.


def sizes_of_batches(owing: Delivery, *, by_block: bool = True) -> list[list[int]]:
    """The numbers that go together."""
    made: Iterator[list[int]] = (
        [owed.item.sequence for owed in batch] for batch in batches(owing.take(), by_block=by_block)
    )
    return list(made)


def test_what_was_published_together_goes_together() -> None:
    assert sizes_of_batches(delivery(1 << 20, 1 << 20, 1 << 20)) == [[1, 2, 3]]


def test_small_images_of_several_calls_go_together_up_to_a_megabyte() -> None:
    owing = delivery()
    for _ in range(5):
        owing.enqueue([outgoing(1 << 19)])

    assert sizes_of_batches(owing) == [[1, 2], [3, 4], [5]]


def test_frames_go_alone() -> None:
    owing = delivery(1)
    owing.enqueue([outgoing(), Outgoing(RunEnded(sequence=1, run="r")), outgoing(by_block=False), outgoing()])

    assert sizes_of_batches(owing) == [[1, 2, 3], [4], [5]]


def test_without_shared_memory_all_images_go_alone() -> None:
    assert sizes_of_batches(delivery(1, 1), by_block=False) == [[1], [2]]


def test_a_message_has_no_more_items_than_it_may() -> None:
    batch_sizes = [len(batch) for batch in sizes_of_batches(delivery(*[1] * (BATCH_ITEMS + 1), images=5000))]

    assert batch_sizes == [BATCH_ITEMS, 1]


# Any sequence of events.


class AnyLife(RuleBasedStateMachine):
    """Publishing, credit, releases, refusals and lost sessions, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.owing = Delivery()
        self.session: list[int] = []
        self.released: list[int] = []
        self.published = 0

    @rule(sizes=st.lists(st.integers(1, 50), max_size=5))
    def publish(self, sizes: list[int]) -> None:
        self.owing.enqueue([outgoing(size) for size in sizes])
        self.published += len(sizes)

    @rule(images=st.integers(0, 6), nbytes=st.integers(0, 100))
    def get_credit(self, images: int, nbytes: int) -> None:
        self.owing.credit_images, self.owing.credit_nbytes = images, nbytes

    @rule()
    def send(self) -> None:
        before = list(self.owing._in_flight.values())
        sent = list(self.owing.take())
        self.session += [owed.item.sequence for owed in sent]
        flying = before + sent
        if sent:
            assert len(flying) <= self.owing.credit_images
            assert len(flying) == 1 or sum(owed.nbytes for owed in flying) <= self.owing.credit_nbytes

    @rule(sequence=st.integers(1, 60))
    def release(self, sequence: int) -> None:
        if self.owing.adopt(sequence):
            assert sequence in self.session
            self.released.append(sequence)

    @rule(sequence=st.integers(1, 60), send_frame=st.booleans())
    def refuse(self, sequence: int, send_frame: bool) -> None:
        if self.owing.refuse(sequence, send_frame=send_frame):
            self.released.append(sequence)

    @rule()
    def lose_session(self) -> None:
        self.owing.lose_session()
        self.session = []

    @precondition(lambda self: self.published)
    @rule()
    def deliver_all(self) -> None:
        self.owing.lose_session()
        self.owing.credit_images, self.owing.credit_nbytes = 1000, 1 << 30
        sent = take(self.owing)
        assert sent == sorted(sent)
        assert sorted(self.released + sent) == list(range(1, self.published + 1))
        self.session = sent

    @invariant()
    def nothing_is_released_twice(self) -> None:
        assert len(set(self.released)) == len(self.released)

    @invariant()
    def nothing_is_lost(self) -> None:
        counted = self.owing.counters
        assert counted.published == self.published
        assert counted.queued + counted.in_flight + len(self.released) == self.published
        assert self.owing.owed == self.published - len(self.released)

    @invariant()
    def bytes_in_flight_are_counted_right(self) -> None:
        flying = self.owing._in_flight.values()
        assert self.owing._in_flight_nbytes == sum(owed.nbytes for owed in flying)


AnyLife.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestAnyLife = AnyLife.TestCase
