"""What a crash journal says of a block is read again, and garbage is told apart from it."""

import json
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcs_protocol import (
    MAX_DESTINATIONS,
    Components,
    Destination,
    ImageAddress,
    JournalEntry,
    MalformedMessageError,
    decode_entry,
    encode_entry,
)

KEPT = (files("hcs_protocol") / "golden" / "journal" / "entry.json").read_bytes()

texts = st.text(max_size=20)
destinations = st.builds(
    Destination,
    worker_run=st.text(min_size=1, max_size=20),
    published=st.integers(0, 1 << 62),
    host=texts,
    data_port=st.integers(1, 65535),
)
addresses = st.builds(ImageAddress, run=texts, components=st.builds(Components, plate=texts, channel=texts))


def test_todays_decoder_reads_the_kept_entry() -> None:
    assert json.loads(encode_entry(decode_entry(KEPT))) == json.loads(KEPT)


def test_an_entry_may_lie_in_a_memoryview() -> None:
    assert decode_entry(memoryview(KEPT)) == decode_entry(KEPT)


@given(owed=st.lists(destinations, max_size=MAX_DESTINATIONS), address=addresses)
def test_an_entry_comes_back_as_it_was(owed: list[Destination], address: ImageAddress) -> None:
    image = msgspec.structs.replace(decode_entry(KEPT).image, address=address)
    entry = JournalEntry(destinations=owed, image=image)

    assert decode_entry(encode_entry(entry)) == entry


@given(garbage=st.binary(max_size=200))
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        decode_entry(garbage)


@given(place=st.integers(0, len(KEPT) - 1), bits=st.integers(1, 255))
def test_an_entry_with_a_wrong_byte_is_an_entry_or_refused(place: int, bits: int) -> None:
    wrong = bytearray(KEPT)
    wrong[place] ^= bits

    assert _is_entry_or_refused(bytes(wrong))


@given(length=st.integers(0, len(KEPT) - 2))
def test_an_entry_that_was_cut_off_is_refused(length: int) -> None:
    with pytest.raises(MalformedMessageError):
        decode_entry(KEPT[:length])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("image.spec.dtype", "object"),
        ("image.spec.axes", ["x", "y"]),
        ("image.display.contrast_limits", [4095, 95]),
        ("image.pixels.segment", "../passwd"),
        ("image", None),
        ("destinations", [{"worker_run": "", "host": "localhost", "data_port": 5555}]),
        ("destinations", [{"worker_run": "w", "host": "localhost", "data_port": 0}]),
        ("destinations", [{"worker_run": "w", "host": "h" * 513, "data_port": 5555}]),
        ("destinations", [{"worker_run": "w", "host": "h", "data_port": 5555}] * (MAX_DESTINATIONS + 1)),
    ],
)
def test_an_entry_that_no_viewer_can_show_is_refused(place: str, value: object) -> None:
    entry: dict[str, Any] = json.loads(KEPT)
    *path, last = place.split(".")
    inner = entry
    for name in path:
        inner = inner[name]
    inner[last] = value

    with pytest.raises(MalformedMessageError, match="no journal entry"):
        decode_entry(json.dumps(entry).encode())


def test_a_newer_workers_extra_field_is_skipped() -> None:
    newer = json.loads(KEPT) | {"mood": "fine"}

    assert decode_entry(json.dumps(newer).encode()) == decode_entry(KEPT)


def _is_entry_or_refused(data: bytes) -> bool:
    try:
        return isinstance(decode_entry(data), JournalEntry)
    except MalformedMessageError:
        return True
