import mmap
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcs_protocol import MAX_DESTINATIONS
from hcs_shm._header import RECORD_NBYTES, TABLE_OFFSET, Header, Kind
from hcs_shm._journal import (
    DESCRIPTOR_NBYTES,
    DESCRIPTOR_OFFSET,
    Journal,
    OwedRecord,
    SlotRecord,
    SlotState,
)

GOLDEN = Path(__file__).parent / "golden" / "1" / "slot_record.bin"
HEADER = Header(
    kind=Kind.MEMORY,
    slot_count=3,
    slot_nbytes=1 << 16,
    pid=4711,
    start=0,
    boot_id="",
    worker_run="w",
    nonce="n",
)


def journal_in(memory: mmap.mmap) -> Journal:
    return Journal(memoryview(memory), HEADER)


def empty_memory() -> mmap.mmap:
    memory = mmap.mmap(-1, HEADER.nbytes)
    memory[: len(HEADER.pack())] = HEADER.pack()
    return memory


def journal() -> Journal:
    return journal_in(empty_memory())


def recorded(entry: bytes = b"entry", destinations: int = 2) -> Journal:
    one = journal()
    one.lend(0, 1, 100)
    one.record(0, entry, destinations, 5, 6)
    return one


def test_a_slot_record_has_the_bytes_of_format_1() -> None:
    memory = empty_memory()
    one = journal_in(memory)
    one.lend(1, 7, 4096)
    one.record(1, b'{"destinations":[]}', 3, 1_700_000_000_500_000_000, 86_400_000_000_001)
    one.number(1, 2, 42)
    one.settle(1, 0)

    begin = TABLE_OFFSET + RECORD_NBYTES
    golden = GOLDEN.read_bytes()
    assert memory[begin : begin + len(golden)] == golden


def test_a_slot_record_of_format_1_is_still_read() -> None:
    memory = empty_memory()
    golden = GOLDEN.read_bytes()
    memory[TABLE_OFFSET + RECORD_NBYTES : TABLE_OFFSET + RECORD_NBYTES + len(golden)] = golden

    assert journal_in(memory).owed(1) == OwedRecord(
        index=1,
        nbytes=4096,
        entry=golden[DESCRIPTOR_OFFSET:],
        owed=(1, 2),
        numbers=(0, 0, 42, 0, 0, 0, 0, 0),
        recorded_at=1_700_000_000_500_000_000,
        uptime=86_400_000_000_001,
    )


@pytest.mark.parametrize("offset", [0, 1, 12288 + 1, 12288 - 65536, 12288 + 3 * 65536, 1 << 40])
def test_an_offset_that_begins_no_slot_is_refused(offset: int) -> None:
    with pytest.raises(LookupError, match=str(offset)):
        journal().index_of(offset)


def test_each_offset_finds_its_slot() -> None:
    one = journal()

    assert [one.index_of(one.offset_of(index)) for index in range(3)] == [0, 1, 2]
    assert one.offset_of(2) + HEADER.slot_nbytes == HEADER.nbytes


def test_a_closed_segment_says_so() -> None:
    one = journal()
    assert not one.closed

    one.close()

    assert one.closed


def test_a_lending_is_written_and_taken_back() -> None:
    one = journal()

    one.lend(2, 1, 100)
    lent = one.slot(2)
    one.take_back(2)

    assert lent == SlotRecord(SlotState.LENT, 1, 100)
    assert one.slot(2).state == SlotState.FREE


def test_all_destinations_are_owed_what_was_recorded() -> None:
    found = recorded(b"entry", 3).owed(0)

    assert found == OwedRecord(0, 100, b"entry", (0, 1, 2), (0,) * MAX_DESTINATIONS, 5, 6)


def test_a_destination_that_was_settled_is_owed_no_more() -> None:
    one = recorded(b"entry", 3)

    one.settle(0, 1)

    assert one.owed_by(0) == (0, 2)


def test_what_all_destinations_have_is_not_owed() -> None:
    one = recorded(b"entry", 1)

    one.settle(0, 0)

    assert one.owed(0) is None


def test_each_destination_has_its_own_number() -> None:
    one = recorded(b"entry", 3)

    one.number(0, 0, 8)
    one.number(0, 2, (1 << 63) - 1)

    found = one.owed(0)
    assert found is not None
    assert found.numbers[:3] == (8, 0, (1 << 63) - 1)


def test_recorded_anew_all_are_owed_and_none_was_sent_it() -> None:
    one = recorded(b"entry", 3)
    one.number(0, 0, 8)
    one.settle(0, 1)

    one.record(0, b"another", 2, 7, 8)

    assert one.owed(0) == OwedRecord(0, 100, b"another", (0, 1), (0,) * MAX_DESTINATIONS, 7, 8)


def test_an_entry_counts_for_its_own_lending_only() -> None:
    one = recorded()
    one.take_back(0)

    one.lend(0, 2, 100)

    assert one.owed(0) is None


def test_an_entry_of_a_slot_that_was_taken_back_does_not_count() -> None:
    one = recorded()

    one.take_back(0)

    assert one.owed(0) is None


def test_a_damaged_entry_is_counted() -> None:
    memory = empty_memory()
    one = journal_in(memory)
    for index in range(3):
        one.lend(index, 1, 100)
        one.record(index, b"entry", 1, 5, 6)

    memory[TABLE_OFFSET + RECORD_NBYTES + DESCRIPTOR_OFFSET] ^= 1

    whole, damaged = one.all_owed()
    assert [found.index for found in whole] == [0, 2]
    assert damaged == 1
    with pytest.raises(ValueError, match="slot 1"):
        one.owed(1)


def test_a_record_of_more_bytes_than_its_slot_is_damaged() -> None:
    one = journal()
    one.lend(0, 1, HEADER.slot_nbytes + 1)
    one.record(0, b"entry", 1, 5, 6)

    with pytest.raises(ValueError, match="damaged"):
        one.owed(0)


def test_the_longest_entry_fits_and_a_longer_one_is_not_recorded() -> None:
    one = recorded()

    assert one.record(0, b"d" * DESCRIPTOR_NBYTES, 1, 5, 6)
    found = one.owed(0)
    assert found is not None
    assert found.entry == b"d" * DESCRIPTOR_NBYTES
    assert not one.record(0, b"d" * (DESCRIPTOR_NBYTES + 1), 1, 5, 6)
    assert one.owed(0) is None
    assert one.slot(1).generation == 0


@pytest.mark.parametrize("destination", [-1, MAX_DESTINATIONS])
def test_a_destination_without_a_place_is_refused(destination: int) -> None:
    one = recorded()

    with pytest.raises(LookupError, match="below 8"):
        one.number(0, destination, 1)
    with pytest.raises(LookupError, match="below 8"):
        one.settle(0, destination)


def test_more_destinations_than_there_are_places_are_refused() -> None:
    with pytest.raises(LookupError):
        journal().record(0, b"entry", MAX_DESTINATIONS + 1, 5, 6)


@given(
    writes=st.lists(
        st.tuples(st.integers(0, HEADER.slots_offset - 1), st.binary(min_size=1, max_size=200)), max_size=8
    )
)
def test_whatever_is_written_over_a_table_nothing_is_read_beyond_it(
    writes: list[tuple[int, bytes]],
) -> None:
    memory = empty_memory()
    one = journal_in(memory)
    for index in range(3):
        one.lend(index, 1, 100)
        one.record(index, b"entry", 2, 5, 6)

    for at, garbage in writes:
        memory[at : at + len(garbage)] = garbage

    found, damaged = one.all_owed()
    assert len(found) + damaged <= 3
    for record in found:
        assert record.nbytes <= HEADER.slot_nbytes
        assert len(record.entry) <= DESCRIPTOR_NBYTES


@given(seed=st.integers(0, 1 << 32))
def test_a_table_of_garbage_owes_nothing(seed: int) -> None:
    memory = empty_memory()
    memory[TABLE_OFFSET : HEADER.slots_offset] = Random(seed).randbytes(HEADER.slots_offset - TABLE_OFFSET)

    found, _ = journal_in(memory).all_owed()

    assert found == []


def test_a_table_can_be_read_without_the_slots() -> None:
    memory = mmap.mmap(-1, HEADER.slots_offset)
    one = Journal(memoryview(memory), replace(HEADER, slot_nbytes=1 << 40))

    one.lend(0, 1, 1 << 40)
    one.record(0, b"entry", 1, 5, 6)

    assert one.owed_by(0) == (0,)
