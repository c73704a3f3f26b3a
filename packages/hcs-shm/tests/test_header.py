from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcs_shm._header import FORMAT, HEADER, MAGIC, TABLE_OFFSET, Header, Kind, UnknownFormatError

GOLDEN = Path(__file__).parent / "golden" / "1" / "header.bin"
OWN = Header(
    kind=Kind.DISK,
    slot_count=3,
    slot_nbytes=1 << 16,
    pid=4711,
    start=123_456_789,
    boot_id="0f9b1c5e-5d0a-4c0e-9a52-3a8f3a1d7c11",
    worker_run="golden worker",
    nonce="0123456789abcdef",
)


def damaged(at: int, bit: int = 0x40) -> bytes:
    packed = bytearray(OWN.pack())
    packed[at] ^= bit
    return bytes(packed)


def test_the_header_has_the_bytes_of_format_1() -> None:
    assert FORMAT == 1
    assert OWN.pack() == GOLDEN.read_bytes()


def test_a_header_of_format_1_is_still_read() -> None:
    assert Header.unpack(GOLDEN.read_bytes(), OWN.nbytes) == OWN


def test_slots_begin_at_a_page_behind_the_table() -> None:
    assert OWN.slots_offset % 4096 == 0
    assert OWN.slots_offset >= TABLE_OFFSET + 3 * 2048
    assert OWN.nbytes == OWN.slots_offset + 3 * (1 << 16)


@pytest.mark.parametrize("at", [0, 8, 12, 24, 32, 40, 48, 72])
def test_a_header_with_a_wrong_word_is_refused(at: int) -> None:
    with pytest.raises(ValueError, match=r"segment|Kind"):
        Header.unpack(damaged(at), OWN.nbytes)


def test_a_later_format_says_what_to_do() -> None:
    with pytest.raises(UnknownFormatError, match="format 3, this reader knows 1: update the older side"):
        Header.unpack(damaged(8, 2), OWN.nbytes)


@pytest.mark.parametrize("nbytes", [0, 1, len(MAGIC), HEADER.size - 1])
def test_a_file_that_ends_in_its_header_is_refused(nbytes: int) -> None:
    with pytest.raises(ValueError, match="no hcs segment"):
        Header.unpack(OWN.pack()[:nbytes], nbytes)


@pytest.mark.parametrize("nbytes", [TABLE_OFFSET, OWN.nbytes - 1, OWN.nbytes + 1])
def test_a_file_of_another_size_is_refused(nbytes: int) -> None:
    with pytest.raises(ValueError, match="contradicts itself"):
        Header.unpack(OWN.pack(), nbytes)


def test_a_text_longer_than_its_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 64 bytes"):
        replace(OWN, worker_run="ö" * 33).pack()


@given(first=st.binary(max_size=300), nbytes=st.integers(0, 1 << 40))
def test_garbage_is_refused_with_a_value_error(first: bytes, nbytes: int) -> None:
    with pytest.raises(ValueError, match="segment"):
        Header.unpack(first, nbytes)


@given(at=st.integers(8, HEADER.size - 8), garbage=st.binary(min_size=1, max_size=64))
def test_a_header_that_was_written_over_is_refused_or_read_within_its_bounds(at: int, garbage: bytes) -> None:
    packed = bytearray(OWN.pack())
    packed[at : at + len(garbage)] = garbage[: len(packed) - at]

    try:
        header = Header.unpack(bytes(packed), OWN.nbytes)
    except ValueError:
        return
    assert header.nbytes == OWN.nbytes
