"""What a worker owes a viewer, event by event."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hcs_protocol import FileRef, FrameRef, ImageReady, ImageSpec, RunEnded
from hcs_protocol.testing import FakeLender
from hcs_stream._batches import BATCH_ITEMS
from hcs_stream._counters import total
from hcs_stream._delivery import FLOOD, GATHERED, Delivery
from hcs_stream._held import Held
from hcs_stream._overflow import Overflow, OverflowSetting
from hcs_stream._owed import Owed
from hcs_stream._states import IN_DOUBT, IN_FLIGHT, QUEUED, RELEASED, TRANSITIONS, Event, ItemState

LENDER = FakeLender(1 << 40)
ENDED = RunEnded(sequence=1, run="r")
POLICIES = ["spill", "block", "drop_oldest", "latest"]


def outgoing(
    nbytes: int = 1, *, by_block: bool = True, policy: str = "block", layer: str = "", file: str = ""
) -> Owed:
    """An image of so many bytes that is not numbered yet."""
    spec = ImageSpec(shape=(1, nbytes), dtype="uint8")
    ready = ImageReady(sequence=1, spec=spec, pixels=FrameRef(frame=1, nbytes=nbytes))
    held = Held(nbytes, memoryview(bytes(nbytes)))
    if by_block:
        block = LENDER.lend(nbytes)
        held = Held(nbytes, block.pixels, block.ref, LENDER)
        held.holders.add(0)
    setting = OverflowSetting(Overflow.of(policy))
    return Owed(ready, held, file=FileRef(path=file) if file else None, layer=layer, setting=setting)


def delivery(*sizes: int, images: int = 100, nbytes: int = 1 << 30) -> Delivery:
    """A delivery with these images queued and this credit."""
    made = Delivery()
    made.credit_images, made.credit_nbytes = images, nbytes
    made.enqueue([outgoing(size) for size in sizes])
    return made


def taken(owing: Delivery, **keywords: Any) -> list[Owed]:
    """What goes now, in however many messages."""
    return [owed for message in iter(partial(owing.take, **keywords), []) for owed in message]


def take(owing: Delivery) -> list[int]:
    """The numbers that go now."""
    return [owed.sequence for owed in taken(owing)]


# The table.


def test_every_event_is_decided_in_every_state_but_what_is_sent_is_queued() -> None:
    unsendable = {(state, Event.SENT) for state in (IN_FLIGHT, IN_DOUBT, RELEASED)}

    assert set(TRANSITIONS) == set(itertools.product(ItemState, Event)) - unsendable


def test_what_is_released_stays_released() -> None:
    assert {after for (before, _), after in TRANSITIONS.items() if before is RELEASED} == {RELEASED}


def test_only_what_is_in_flight_can_be_released_and_what_waits_dropped() -> None:
    ends = [pair for pair, after in TRANSITIONS.items() if after is RELEASED and pair[0] is not RELEASED]

    assert ends == [(QUEUED, Event.DROPPED), (IN_FLIGHT, Event.ADOPTED), (IN_FLIGHT, Event.REFUSED)]


def test_nothing_but_the_viewer_letting_go_ends_a_doubt() -> None:
    ends = [pair for pair, after in TRANSITIONS.items() if pair[0] is IN_DOUBT and after is not IN_DOUBT]

    assert ends == [(IN_DOUBT, Event.LET_GO)]


def test_nothing_but_sending_brings_an_item_into_flight() -> None:
    begins = [pair for pair, after in TRANSITIONS.items() if after is IN_FLIGHT and pair[0] is not IN_FLIGHT]

    assert begins == [(QUEUED, Event.SENT)]


# The rules, one by one.


def test_numbers_begin_with_one_and_have_no_gaps() -> None:
    owing = delivery(1, 1)
    owing.enqueue([Owed(ENDED), outgoing()])

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
    owing.let_go()

    owing.credit_images, owing.credit_nbytes = 9, 9
    assert take(owing) == [1, 3, 4]


def test_until_the_viewer_let_go_nothing_in_doubt_is_sent_dropped_or_spilled() -> None:
    owing = Delivery()
    owing.credit_images, owing.credit_nbytes = 9, 9
    owing.enqueue([outgoing(policy="drop_oldest"), outgoing(policy="spill")])
    take(owing)

    owing.lose_session()

    owing.credit_images, owing.credit_nbytes = 9, 9
    assert (take(owing), owing.drop("drop_oldest"), owing.spillable()) == ([], False, None)


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
    again = taken(owing)
    assert [(owed.sequence, owed.by_frame) for owed in again] == [(2, True)]


def test_an_image_refused_as_a_frame_too_is_given_up() -> None:
    owing = delivery(1)
    take(owing)
    owing.refuse(1, send_frame=True)
    take(owing)

    assert owing.refuse(1, send_frame=True) is not None


@pytest.mark.parametrize("codec", ["", "none", "blosc2-zstd"])
def test_an_image_refused_compressed_goes_once_more_plain(codec: str) -> None:
    owing = delivery()
    image = outgoing(by_block=False)
    owing.enqueue([image])
    take(owing)
    image.codec = codec  # as it was sent

    owing.refuse(1, send_frame=True)
    again = take(owing)
    owing.refuse(1, send_frame=True)

    assert again == ([1] if codec == "blosc2-zstd" else [])
    assert image.state is RELEASED
    assert owing.counters.refused == 1


def test_what_is_not_ready_holds_up_what_follows_and_nothing_else() -> None:
    owing = delivery(10, 20, 30)

    first = [owed.nbytes for owed in taken(owing, is_ready=lambda owed: owed.nbytes != 20)]
    rest = [owed.nbytes for owed in taken(owing, is_ready=lambda owed: True)]

    assert (first, rest) == ([10], [20, 30])
    assert owing.last == 3


def test_an_interrupted_take_loses_nothing() -> None:
    def interrupted_at_the_second(owed: Owed) -> bool:
        if owed.ticket == 2:
            raise KeyboardInterrupt
        return True

    owing = delivery(1, 1, 1)

    with pytest.raises(KeyboardInterrupt):
        owing.take(is_ready=interrupted_at_the_second)
    owing.lose_session()
    owing.let_go()

    owing.credit_images, owing.credit_nbytes = 9, 9
    assert take(owing) == [1, 2, 3]


def test_the_counters_add_up() -> None:
    owing = delivery(1, 1, 1, 1, images=3)
    owing.enqueue([Owed(ENDED)])
    take(owing)
    owing.adopt(1)
    owing.refuse(2, send_frame=False)

    counted = owing.counters

    assert (counted.published, counted.queued, counted.in_flight) == (4, 1, 1)
    assert (counted.adopted, counted.refused, counted.nbytes) == (1, 1, 4)


def test_counters_of_several_viewers_are_added_up() -> None:
    one, other = delivery(1, 2), Delivery()
    other.enqueue([outgoing(policy="latest")])
    other.drop("latest")

    added = total([one.counters, other.counters])

    assert (added.published, added.queued, added.dropped) == (3, 2, {"latest": 1})


# What gives way when a viewer does not keep up.


class Released(list[Held]):
    """The pixels that were released, in order."""

    def note(self, held: Held, place: int) -> None:
        self.append(held)


def waiting(*images: Owed, released: Released | None = None) -> Delivery:
    """A delivery whose viewer has credit for one image, with these published one by one."""
    owing = Delivery((Released() if released is None else released).note)
    owing.credit_images, owing.credit_nbytes = 1, 1 << 30
    for image in images:
        owing.enqueue([image])
    take(owing)
    return owing


def test_the_oldest_image_that_was_never_sent_is_dropped() -> None:
    images = [outgoing(policy="drop_oldest") for _ in range(3)]
    owing = waiting(*images, released=(released := Released()))

    assert owing.drop("drop_oldest")

    assert released == [images[1].held]
    assert (owing.counters.dropped, owing.owed) == ({"drop_oldest": 1}, 2)


def test_what_is_dropped_leaves_no_gap_in_the_numbers() -> None:
    owing = waiting(*[outgoing(policy="drop_oldest") for _ in range(3)])
    owing.drop("drop_oldest")
    owing.adopt(1)

    assert (take(owing), owing.last) == ([2], 2)


def test_what_was_sent_once_is_not_dropped() -> None:
    owing = waiting(outgoing(policy="drop_oldest"))
    owing.lose_session()
    owing.let_go()

    assert not owing.drop("drop_oldest")


def test_images_of_a_stream_that_drops_none_are_not_dropped() -> None:
    owing = waiting(outgoing(policy="block"), outgoing(policy="block"), outgoing(policy="spill"))

    assert not owing.drop("drop_oldest")


def test_messages_about_runs_are_not_dropped() -> None:
    setting = OverflowSetting(Overflow("drop_oldest"))
    owing = waiting(outgoing(), Owed(ENDED, setting=setting))

    assert not owing.drop("drop_oldest")


def test_the_policy_may_change_while_images_wait() -> None:
    image = outgoing(policy="block")
    owing = waiting(outgoing(), image)

    image.setting.overflow = Overflow("drop_oldest")

    assert owing.drop("drop_oldest")


def test_only_images_of_the_same_layer_are_superseded() -> None:
    images = [outgoing(policy="latest", layer=layer) for layer in ("first", "DAPI", "FITC")]
    owing = waiting(*images, released=(released := Released()))

    assert owing.drop("latest", "FITC")

    assert released == [images[2].held]
    assert not owing.drop("latest", "FITC")


def test_an_image_that_lies_in_a_file_is_sent_from_there_instead_of_dropped() -> None:
    image = outgoing(policy="drop_oldest", file="/plate/A01.tif")
    held = image.held
    owing = waiting(outgoing(), image, released=(released := Released()))

    assert owing.drop("drop_oldest")
    assert released == [held]
    owing.adopt(1)

    assert [owed.item.pixels for owed in owing.take()] == [FileRef(path="/plate/A01.tif")]
    assert (owing.counters.dropped, owing.counters.spilled) == ({}, 1)


def test_the_newest_image_that_waits_in_memory_goes_to_disk_first() -> None:
    images = [outgoing(policy="spill") for _ in range(3)]
    owing = waiting(*images)

    owed = owing.spillable()

    assert owed
    assert owed.held is images[2].held


def test_pixels_that_another_viewer_still_needs_are_not_spilled() -> None:
    image = outgoing(policy="spill")
    owing = waiting(outgoing(), image)
    assert image.held

    image.held.holders.add(1)

    assert owing.spillable() is None


def test_small_images_of_a_flood_wait_for_each_other_while_releases_are_to_come() -> None:
    owing = delivery(*[1] * (FLOOD + 1), images=FLOOD)
    assert not owing.gathers(10)  # nothing is in flight that would let it go
    take(owing)

    assert owing.gathers(10)
    assert not owing.gathers(1)  # it is not that small
    owing.adopt(1)
    assert not owing.gathers(10)


def test_a_message_of_small_images_does_not_wait_for_more() -> None:
    owing = delivery(*[1] * (FLOOD + GATHERED), images=FLOOD)
    take(owing)

    assert not owing.gathers(10)


# Ctrl-C.


def test_a_number_whose_correction_is_interrupted_is_corrected_when_it_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    owing = delivery(1, 1)  # both guess that they are the first
    with monkeypatch.context() as patch:
        patch.setattr(msgspec.structs, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            owing.take()
    owing.lose_session()
    owing.let_go()
    owing.credit_images, owing.credit_nbytes = 9, 9

    assert [owed.item.sequence for owed in taken(owing)] == [1, 2]


class InterruptedOnce(Released):
    """Ctrl-C comes when pixels are released for the first time."""

    def note(self, held: Held, place: int) -> None:
        super().note(held, place)
        if len(self) == 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize("end", ["adopt", "refuse", "drop"])
def test_an_interrupted_release_is_made_good_when_the_session_is_lost(end: str) -> None:
    images = [outgoing(policy="drop_oldest") for _ in range(2)]
    owing = waiting(*images, released=(released := InterruptedOnce()))
    ends: dict[str, Callable[[], object]] = {
        "adopt": lambda: owing.adopt(1),
        "refuse": lambda: owing.refuse(1, send_frame=False),
        "drop": lambda: owing.drop("drop_oldest"),
    }

    with pytest.raises(KeyboardInterrupt):
        ends[end]()
    owing.lose_session()
    owing.let_go()

    counted = owing.counters
    assert released == [images[end == "drop"].held] * 2
    assert (counted.adopted, counted.refused, sum(counted.dropped.values())) == tuple(
        int(end == other) for other in ends
    )
    assert (owing.owed, counted.queued) == (1, 1)


def test_an_image_that_was_left_to_its_file_has_no_pixels_whenever_that_was_interrupted() -> None:
    image = outgoing(policy="drop_oldest", file="/plate/A01.tif")
    held = image.held
    owing = waiting(outgoing(), image, released=(released := InterruptedOnce()))

    with pytest.raises(KeyboardInterrupt):
        owing.drop("drop_oldest")
    owing.put_in_order()

    assert released == [held, held]
    assert image.held is None
    assert not image.needs_frame(by_block=False)


# Which go in one message.


def messages(owing: Delivery, *, by_block: bool = True) -> list[list[int]]:
    """The numbers that go together."""
    sent = iter(partial(owing.take, by_block=by_block), [])
    return [[owed.sequence for owed in message] for message in sent]


def test_what_was_published_together_goes_together() -> None:
    assert messages(delivery(1 << 20, 1 << 20, 1 << 20)) == [[1, 2, 3]]


def test_small_images_of_several_calls_go_together_up_to_a_megabyte() -> None:
    owing = delivery()
    for _ in range(5):
        owing.enqueue([outgoing(1 << 19)])

    assert messages(owing) == [[1, 2], [3, 4], [5]]


def test_frames_go_alone() -> None:
    owing = delivery(1)
    owing.enqueue([outgoing(), Owed(ENDED), outgoing(by_block=False), outgoing()])

    assert messages(owing) == [[1, 2, 3], [4], [5]]


def test_without_shared_memory_all_images_go_alone() -> None:
    assert messages(delivery(1, 1), by_block=False) == [[1], [2]]


def test_a_message_has_no_more_items_than_it_may() -> None:
    batch_sizes = [len(batch) for batch in messages(delivery(*[1] * (BATCH_ITEMS + 1), images=5000))]

    assert batch_sizes == [BATCH_ITEMS, 1]


# Any sequence of events.


class AnyLife(RuleBasedStateMachine):
    """Publishing, credit, releases, refusals, lost sessions and what gives way, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.owing = Delivery()
        self.session: list[int] = []
        self.released: list[int] = []
        self.published = 0
        self.dropped = 0
        self.doubtful: set[int] = set()

    @rule(sizes=st.lists(st.integers(1, 50), max_size=5), policy=st.sampled_from(POLICIES))
    def publish(self, sizes: list[int], policy: str) -> None:
        self.owing.enqueue([outgoing(size, policy=policy) for size in sizes])
        self.published += len(sizes)

    @rule(policy=st.sampled_from(["drop_oldest", "latest"]))
    def drop(self, policy: str) -> None:
        self.dropped += self.owing.drop(policy)

    @rule()
    def spill(self) -> None:
        if owed := self.owing.spillable():
            ref = LENDER.lend(owed.nbytes).ref
            owed.held = Held(owed.nbytes, None, ref, LENDER)
            owed.held.holders.add(owed.place)
            self.owing.count_spilled()

    @rule(images=st.integers(0, 6), nbytes=st.integers(0, 100))
    def get_credit(self, images: int, nbytes: int) -> None:
        self.owing.credit_images, self.owing.credit_nbytes = images, nbytes

    @rule()
    def send(self) -> None:
        before = list(self.owing._in_flight.values())
        sent = taken(self.owing)
        assert not self.doubtful & {owed.sequence for owed in sent}
        self.session += [owed.sequence for owed in sent]
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
        self.doubtful |= set(self.owing._in_flight)
        self.owing.lose_session()
        self.session = []

    @rule()
    def let_go(self) -> None:
        self.owing.let_go()
        self.doubtful.clear()

    @precondition(lambda self: self.published)
    @rule()
    def deliver_all(self) -> None:
        self.owing.lose_session()
        self.let_go()
        self.owing.credit_images, self.owing.credit_nbytes = 1000, 1 << 30
        sent = take(self.owing)
        assert sent == sorted(sent)
        assert sorted(self.released + sent) == list(range(1, self.published - self.dropped + 1))
        self.session = sent

    @invariant()
    def nothing_is_released_twice(self) -> None:
        assert len(set(self.released)) == len(self.released)

    @invariant()
    def nothing_is_lost(self) -> None:
        counted = self.owing.counters
        assert counted.published == self.published
        gone = len(self.released) + self.dropped
        assert counted.queued + counted.in_flight + gone == self.published
        assert self.owing.owed == self.published - gone
        assert sum(counted.dropped.values()) == self.dropped

    @invariant()
    def bytes_in_flight_are_counted_right(self) -> None:
        flying = self.owing._in_flight.values()
        assert self.owing._in_flight_nbytes == sum(owed.nbytes for owed in flying)


AnyLife.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestAnyLife = AnyLife.TestCase
