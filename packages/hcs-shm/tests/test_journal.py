import mmap
from dataclasses import replace
from pathlib import Path

import pytest

from hcs_shm._journal import (
    DESCRIPTOR_NBYTES,
    DESCRIPTOR_OFFSET,
    FORMAT,
    MAGIC,
    RECORD_NBYTES,
    TABLE_OFFSET,
    Header,
    Journal,
    SlotRecord,
    SlotState,
)

GOLDEN = Path(__file__).parent / "golden" / "1"
HEADER = Header(
    slot_count=3,
    slot_nbytes=1 << 16,
    pid=4711,
    start=123_456_789,
    boot_id="0f9b1c5e-5d0a-4c0e-9a52-3a8f3a1d7c11",
    worker_run="golden worker",
    nonce="0123456789abcdef",
)


def memory_with(header: bytes, nbytes: int = HEADER.nbytes) -> mmap.mmap:
    memory = mmap.mmap(-1, nbytes)
    memory[: len(header)] = header
    return memory


def journal() -> Journal:
    return Journal(memory_with(HEADER.pack()))


def test_the_header_has_the_bytes_of_format_1() -> None:
    assert FORMAT == 1
    assert HEADER.pack() == (GOLDEN / "header.bin").read_bytes()


def test_a_header_of_format_1_is_still_read() -> None:
    memory = memory_with((GOLDEN / "header.bin").read_bytes())

    assert Header.unpack(memory) == HEADER


def test_a_slot_record_has_the_bytes_of_format_1() -> None:
    memory = memory_with(HEADER.pack())
    journal = Journal(memory)
    journal.lend(1, 7, 4096)
    journal.record(1, b'{"type":"ImageReady"}', 1_700_000_000.5)

    begin = TABLE_OFFSET + RECORD_NBYTES

    golden = (GOLDEN / "slot_record.bin").read_bytes()
    assert memory[begin : begin + len(golden)] == golden
    assert journal.committed(1).descriptor == golden[DESCRIPTOR_OFFSET:]


def test_slots_begin_at_a_page_and_fill_the_rest_of_the_file() -> None:
    one = journal()

    assert one.offset_of(0) % 4096 == 0
    assert one.offset_of(0) >= TABLE_OFFSET + 3 * RECORD_NBYTES
    assert one.offset_of(2) + HEADER.slot_nbytes == HEADER.nbytes


@pytest.mark.parametrize("offset", [0, 1, 20480 + 1, 20480 - 65536, 20480 + 3 * 65536, 1 << 40])
def test_an_offset_that_begins_no_slot_is_refused(offset: int) -> None:
    with pytest.raises(LookupError, match=str(offset)):
        journal().index_of(offset)


def test_each_offset_finds_its_slot() -> None:
    one = journal()

    assert [one.index_of(one.offset_of(index)) for index in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("at", [0, 8, 12, 24, 32, 40, 48])
def test_a_header_with_a_wrong_word_is_refused(at: int) -> None:
    memory = memory_with(HEADER.pack())
    memory[at] ^= 0x40

    with pytest.raises(ValueError, match=r"segment"):
        Header.unpack(memory)


def test_a_later_format_says_what_to_do() -> None:
    memory = memory_with(HEADER.pack())
    memory[8] = 2

    with pytest.raises(ValueError, match="segment format 2, this reader knows 1: update the older side"):
        Header.unpack(memory)


@pytest.mark.parametrize("nbytes", [1, len(MAGIC), 255, TABLE_OFFSET, HEADER.nbytes - 1, HEADER.nbytes + 1])
def test_a_file_of_another_size_is_refused(nbytes: int) -> None:
    with pytest.raises(ValueError, match="segment"):
        Header.unpack(memory_with(HEADER.pack()[:nbytes], nbytes))


def test_a_text_longer_than_its_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 64 bytes"):
        replace(HEADER, worker_run="ö" * 33).pack()


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


def test_a_descriptor_counts_for_its_own_lending_only() -> None:
    one = journal()
    one.lend(0, 1, 100)
    one.record(0, b"first", 5.0)
    recorded = one.committed(0)

    one.lend(0, 2, 100)

    assert recorded == SlotRecord(SlotState.LENT, 1, 100, b"first", 5.0)
    assert one.committed(0).descriptor is None


def test_a_descriptor_of_a_slot_that_was_taken_back_does_not_count() -> None:
    one = journal()
    one.lend(0, 1, 100)
    one.record(0, b"first", 5.0)

    one.take_back(0)

    assert one.committed(0).descriptor is None


def test_a_damaged_descriptor_does_not_count() -> None:
    memory = memory_with(HEADER.pack())
    one = Journal(memory)
    one.lend(0, 1, 100)
    one.record(0, b"first", 5.0)

    memory[TABLE_OFFSET + DESCRIPTOR_OFFSET] ^= 1

    assert one.committed(0).descriptor is None


def test_the_longest_descriptor_fits_and_a_longer_one_is_refused() -> None:
    one = journal()
    one.lend(0, 1, 100)
    one.lend(1, 1, 100)

    one.record(0, b"d" * DESCRIPTOR_NBYTES, 5.0)

    assert one.committed(0).descriptor == b"d" * DESCRIPTOR_NBYTES
    assert one.slot(1).generation == 1
    with pytest.raises(ValueError, match="at most 1984 bytes"):
        one.record(0, b"d" * (DESCRIPTOR_NBYTES + 1), 5.0)
