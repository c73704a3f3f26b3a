"""Room for pixels: who holds it, when it comes back, and what is left when nobody looks after it."""

import numpy as np
import pytest

from hcs_protocol import (
    BlockUnavailableError,
    Destination,
    FrameRef,
    ImageReady,
    ImageSpec,
    PoolFullError,
    decode_entry,
)
from hcs_protocol.testing import FakeLender, FakeSpiller
from hcs_stream import _holdings
from hcs_stream._held import ARRAY, DOUBTED, Held
from hcs_stream._holdings import MEND_SECONDS, Holdings
from hcs_stream._owed import Owed
from hcs_stream._states import IN_DOUBT, QUEUED, ItemState

NBYTES = 20
SPEC = ImageSpec(shape=(4, 5), dtype="uint8")
IMAGE = ImageReady(sequence=1, spec=SPEC, pixels=FrameRef(frame=1, nbytes=NBYTES))
OURS, OTHERS = (
    Destination(worker_run=f"w{port}", published=7, host="localhost", data_port=port) for port in (1, 2)
)


@pytest.fixture
def joined(holdings: Holdings) -> Holdings:
    """Holdings with one publisher."""
    holdings.join()
    return holdings


def published(holdings: Holdings, *destinations: Destination) -> Held:
    """Room that was published to these."""
    held = holdings.hold(NBYTES)
    held.holders.update(range(len(destinations)))
    holdings.publish(held, IMAGE, list(destinations))
    return held


def owed(held: Held, place: int = 0, state: ItemState = QUEUED, sequence: int = 0) -> Owed:
    """What a viewer is owed that did not take it."""
    return Owed(IMAGE, held, place, state=state, sequence=sequence)


# Holders.


def test_room_comes_back_when_the_last_holder_lets_go(joined: Holdings, lender: FakeLender) -> None:
    held = published(joined, OURS, OTHERS)
    held.holders.add(ARRAY)
    lent = []

    for holder in (1, 1, ARRAY, 0):
        lent.append(len(lender.lent))
        joined.release(held, holder)

    assert (lent, lender.lent) == ([1] * 4, {})


def test_letting_go_twice_is_harmless(joined: Holdings, lender: FakeLender) -> None:
    held = published(joined, OURS)
    joined.release(held, 0)
    returned = joined.returned
    newer = published(joined, OURS)

    joined.release(held, 0)

    assert (joined.returned, len(lender.lent)) == (returned, 1)
    assert newer.holders == {0}


def test_who_let_go_is_settled_in_the_journal(joined: Holdings, lender: FakeLender) -> None:
    held = published(joined, OURS, OTHERS)
    joined.number(held, 1, 5)

    joined.release(held, 0)

    assert list(lender.owed.values()) == [{1: 5}]
    (entry,) = lender.entries.values()
    assert decode_entry(entry).destinations == [OURS, OTHERS]


def test_room_of_a_collected_array_comes_back_when_somebody_looks(
    joined: Holdings, lender: FakeLender
) -> None:
    array = joined.arrays.lend(joined.hold(NBYTES), (4, 5), np.dtype("u1"))
    del array

    joined.look_after(0.0)

    assert not lender.lent


# Shared memory, ordinary memory, disk.


def test_without_publishers_there_is_ordinary_memory(holdings: Holdings) -> None:
    held = holdings.hold(NBYTES)

    assert (held.ref, held.on_disk, held.nbytes) == (None, False, NBYTES)
    assert holdings.offer is holdings.nonce is None


def test_ordinary_memory_has_an_end_but_for_a_single_image(
    holdings: Holdings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_holdings, "MEMORY_NBYTES", 30)
    large = holdings.hold_memory(100)
    with pytest.raises(PoolFullError):
        holdings.hold_memory(1)

    holdings.give_back(large)

    assert [holdings.hold_memory(15).nbytes for _ in range(2)] == [15, 15]
    with pytest.raises(PoolFullError) as caught:
        holdings.hold_memory(1)
    assert (caught.value.wanted, caught.value.free) == (1, 0)


def test_memory_beside_a_full_pool_is_counted_and_has_no_end(
    holdings: Holdings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_holdings, "MEMORY_NBYTES", 10)

    beside = [holdings.hold_beside(NBYTES) for _ in range(2)]

    with pytest.raises(PoolFullError):
        holdings.hold_memory(1)
    for held in beside:
        holdings.give_back(held)
    assert holdings.hold_memory(1).nbytes == 1


def test_a_full_pool_is_hopeless_for_what_is_larger_than_all_of_it(
    joined: Holdings, lender: FakeLender
) -> None:
    lender.capacity = lender.budget = 2 * NBYTES
    joined.hold(NBYTES)
    said = []

    for wanted in (2 * NBYTES, 2 * NBYTES + 1):
        with pytest.raises(PoolFullError) as caught:
            joined.hold(wanted)
        said.append(joined.is_hopeless(caught.value))

    assert said == [False, True]


def test_a_refused_block_is_not_counted_as_lent(joined: Holdings, lender: FakeLender) -> None:
    lender.budget = lender.capacity = NBYTES
    for _ in range(3):
        with pytest.raises(PoolFullError):
            joined.hold(NBYTES + 1)
    assert not joined.is_tight

    joined.hold(NBYTES)
    assert joined.is_tight


def test_what_is_spilled_is_read_from_disk_and_comes_back(joined: Holdings, spiller: FakeSpiller) -> None:
    held = joined.spill(memoryview(b"pixels"))
    held.holders.add(0)
    joined.publish(held, IMAGE, [OURS])
    assert (held.on_disk, bytes(joined.pixels(held))) == (True, b"pixels")

    joined.release(held, 0)

    assert not spiller.lent
    assert not joined.is_tight


def test_without_a_disk_nothing_is_spilled(lender: FakeLender) -> None:
    holdings = Holdings(lambda: lender)
    holdings.join()

    with pytest.raises(PoolFullError):
        holdings.spill(memoryview(b"pixels"))


def test_pools_are_mended_once_a_second(
    joined: Holdings, lender: FakeLender, monkeypatch: pytest.MonkeyPatch
) -> None:
    mended: list[float] = []
    monkeypatch.setattr(lender, "mend", lambda: mended.append(now))

    for now in (100.0, 100.0 + MEND_SECONDS / 2, 100.0 + MEND_SECONDS):
        joined.look_after(now)

    assert mended == [100.0, 100.0 + MEND_SECONDS]


# Publishers come and go.


def test_all_windows_together_are_half_the_pool(joined: Holdings, lender: FakeLender) -> None:
    windows = [joined.window_nbytes]
    joined.join()
    windows.append(joined.window_nbytes)
    joined.leave()
    windows.append(joined.window_nbytes)

    assert windows == [lender.budget // 2, lender.budget // 4, lender.budget // 2]


def test_the_last_publisher_to_leave_closes_the_pools_but_for_what_is_owed(
    joined: Holdings, lender: FakeLender, spiller: FakeSpiller
) -> None:
    joined.join()
    in_memory = published(joined, OURS)
    on_disk = joined.spill(memoryview(bytes(NBYTES)))
    joined.publish(on_disk, IMAGE, [OURS])
    joined.leave()
    assert not lender.closed

    joined.leave()

    assert (lender.left, spiller.left) == ({in_memory.ref}, {on_disk.ref})
    assert not joined.is_joined


def test_what_belongs_to_closed_pools_changes_nothing_of_the_new_ones(lender: FakeLender) -> None:
    lenders = [lender, FakeLender(NBYTES)]
    holdings = Holdings(lambda: lenders.pop(0))
    holdings.join()
    before = published(holdings, OURS)
    holdings.leave()
    holdings.join()
    holdings.hold(NBYTES)

    holdings.release(before, 0)

    assert holdings.is_tight
    assert holdings.returned == 0


def test_a_forked_child_holds_nothing_and_leaves_its_parents_blocks(
    joined: Holdings, lender: FakeLender
) -> None:
    held = published(joined, OURS)

    joined.leave_to_parent()
    joined.release(held, 0)

    assert not joined.is_joined
    assert len(lender.lent) == 1


# What is left behind.


def test_what_is_left_behind_is_brought_to_disk_for_its_own_viewer(
    joined: Holdings, lender: FakeLender, spiller: FakeSpiller
) -> None:
    joined.join()
    held = published(joined, OTHERS, OURS)

    joined.leave_behind([owed(held, 1, sequence=5)])

    ((entry, numbers),) = zip(spiller.entries.values(), spiller.owed.values(), strict=True)
    assert (decode_entry(entry).destinations, numbers) == ([OURS], {0: 5})
    assert spiller.left
    assert list(lender.owed.values()) == [{0: 0}]  # the other viewer still is


def test_what_is_in_doubt_is_brought_to_disk_and_its_block_not_lent_anew(
    joined: Holdings, lender: FakeLender, spiller: FakeSpiller
) -> None:
    joined.join()
    held = published(joined, OURS)

    joined.leave_behind([owed(held, 0, IN_DOUBT, 5)])

    assert list(spiller.owed.values()) == [{0: 5}]
    assert (held.holders, list(lender.owed.values())) == ({DOUBTED}, [{}])
    assert lender.lent


def test_the_only_publisher_leaves_everything_where_it_is(
    joined: Holdings, lender: FakeLender, spiller: FakeSpiller
) -> None:
    held = published(joined, OURS)

    joined.leave_behind([owed(held)])
    joined.leave()

    assert lender.left == {held.ref}
    assert not spiller.entries


@pytest.mark.parametrize("error", [PoolFullError(NBYTES, 0), BlockUnavailableError("gone")])
def test_what_cannot_be_brought_to_disk_stays_where_it_is(
    joined: Holdings,
    lender: FakeLender,
    spiller: FakeSpiller,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    joined.join()
    first, second = published(joined, OURS), published(joined, OURS)
    spill, refused = spiller.spill, [error]

    def full_at_first(pixels: memoryview) -> object:
        if refused:
            raise refused.pop()
        return spill(pixels)

    monkeypatch.setattr(spiller, "spill", full_at_first)

    joined.leave_behind([owed(first), owed(second)])

    assert list(lender.owed) == [first.ref]
    assert len(spiller.left) == 1
