"""What is no hcs message is refused, and nothing but `MalformedMessageError` ever comes out."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcs_protocol import (
    MAX_ITEMS,
    MAX_MESSAGE_NBYTES,
    MAX_REPLY_NBYTES,
    FrameRef,
    ImageAddress,
    ImageReady,
    ImageSpec,
    Item,
    MalformedMessageError,
    Open,
    Ping,
    RunEnded,
    ScreenshotTaken,
    Step,
    StepProgress,
    decode,
    encode,
    request_id,
    session_id,
    split_batch,
)
from hcs_protocol.testing import golden_messages

GOLDEN = golden_messages()

names = st.one_of(st.text(max_size=20), st.sampled_from(['"sequence":7,', ",", '\\"sequence":']))
items: st.SearchStrategy[Item] = st.one_of(
    st.builds(
        ImageReady,
        sequence=st.integers(1, 1 << 62),
        address=st.builds(ImageAddress, run=names),
        spec=st.just(ImageSpec(shape=(1, 1), dtype="uint8")),
        pixels=st.just(FrameRef(frame=1, nbytes=1)),
    ),
    st.builds(RunEnded, sequence=st.just(1), run=names),
    st.builds(
        StepProgress, sequence=st.just(1), run=names, step=st.builds(Step, index=st.just(1), name=names)
    ),
)


def test_a_newer_peers_extra_field_is_skipped() -> None:
    newer = b'{"type": "Ping", "id": "p1", "mood": {"fine": [1, 2.5, null]}}'

    assert decode(newer) == Ping(id="p1")


def test_a_message_may_lie_in_a_memoryview() -> None:
    assert decode(memoryview(b'{"type": "Open", "session": "s1"}')) == Open(session="s1")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no json",
        b"[]",
        b"null",
        b'{"id": "p1"}',
        b'{"type": "Telepathy", "id": "p1"}',
        b'{"type": "ImageReady"}',
        b'{"type": "Ping"}',
        b'{"type": "Ping", "id": ""}',
        b'{"type": "Ping", "id": 7}',
        b'{"type": "Ping", "id": "p1"} and more',
        b'{"type": "Ping", "id": "\xff"}',
        b'{"type": "Ping", "id": "\xed\xa0\x80"}',
        b'{"type": "Ping", "id": "\\ud800"}',
        b'{"type": "Ping", "id": "\\ud800\\u0041"}',
        b'{"type": "Beat", "id": "b1", "session": "s1", "last": NaN}',
        b'{"type": "Beat", "id": "b1", "session": "s1", "last": 1e400}',
        b'{"type": "Beat", "id": "b1", "session": "s1", "last": 1.5}',
        b'{"type": "Beat", "id": "b1", "session": "s1", "last": true}',
        b'{"type": "Beat", "id": "b1", "session": "s1", "last": -1}',
        b'{"type": "Beat", "id": "b1", "session": "s1", "last": 9223372036854775808}',
        b'{"type": "Beat", "id": "b1", "session": "s1", "last": ' + b"9" * 10_000 + b"}",
        b'{"type": "Ping", "id": "p1", "more": ' + b"[" * 100_000,
        b'{"type": "Ping", "id": "p1", "more": ' + b'{"more": ' * 100_000,
        b'{"type": "ScreenshotTaken", "reply_to": "p1", "png": "no base64"}',
    ],
    ids=lambda data: data[:60].decode("latin-1"),
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        decode(data)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("spec.shape", [2048]),
        ("spec.shape", [1, 1, 2048, 2048]),
        ("spec.shape", [0, 2048]),
        ("spec.shape", [-1, 2048]),
        ("spec.shape", [2048, (1 << 24) + 1]),
        ("spec.shape", [1 << 24, 1 << 24]),
        ("spec.shape", [16, 16, 16]),
        ("spec.shape", [1e3, 2048]),
        ("spec.shape", "big"),
        ("spec.dtype", "float128"),
        ("spec.dtype", ">u2"),
        ("spec.dtype", "object"),
        ("spec.axes", ["x", "y"]),
        ("spec.axes", ["y", "c"]),
        ("spec.axes", ["y", "x", "c"]),
        ("spec.axes", ["y", "x" * 1000]),
        ("spec.kind", "points"),
        ("spec.pixel_size", [0, 0.325]),
        ("spec.pixel_size", [0.325, -1]),
        ("spec.pixel_size", [0.325]),
        ("spec.z_step", 1e300),
        ("spec.emission_wavelength", 0.5),
        ("spec.emission_wavelength", "green"),
        ("pixels.segment", "hcs-4711/9f3a"),
        ("pixels.segment", "../hcs-4711"),
        ("pixels.segment", "hcs-4711\n"),
        ("pixels.segment", "hcs-4711\0"),
        ("pixels.segment", "hcs-"),
        ("pixels.segment", "hcs-" + "a" * 97),
        ("pixels.segment", "psm_4711"),
        ("pixels.offset", -1),
        ("pixels.offset", (1 << 36) + 1),
        ("pixels.nbytes", 1 << 40),
        ("pixels.generation", 1 << 64),
        ("pixels.type", "telepathy"),
        ("display.contrast_limits", [4095, 95]),
        ("display.contrast_limits", [95, 95]),
        ("display.contrast_limits", [None, 95]),
        ("display.colormap", "a" * 513),
        ("display.well_mode", "fold"),
        ("address.components.well", "A" * 513),
        ("address.components.z_index", 1 << 63),
        ("address.components.z_index", 1.5),
        ("address.step.index", 10_000),
        ("sequence", 0),
        ("sequence", 1 << 63),
    ],
)
def test_an_image_that_no_viewer_can_draw_is_refused(place: str, value: object) -> None:
    with pytest.raises(MalformedMessageError):
        decode(_image_with(place, value))


@pytest.mark.parametrize("spec", [{"kind": "labels", "dtype": "float32"}, {"axes": ["y", "x", "c"]}])
def test_pixels_that_no_client_can_read_are_refused(spec: dict[str, object]) -> None:
    reply = json.loads(GOLDEN["image_pixels.json"])
    reply["spec"] |= spec

    with pytest.raises(MalformedMessageError):
        decode(json.dumps(reply).encode())


@pytest.mark.parametrize("path", ["", "/data/\0", "/" * 4097])
def test_a_path_that_no_system_opens_is_refused(path: str) -> None:
    kept = json.loads(GOLDEN["batch_image_by_file.json"])
    kept["items"][0]["pixels"]["path"] = path

    with pytest.raises(MalformedMessageError):
        decode(json.dumps(kept).encode())


@pytest.mark.parametrize("number", [0, MAX_ITEMS + 1])
def test_a_batch_without_items_or_with_too_many_is_refused(number: int) -> None:
    kept = json.loads(GOLDEN["batch_image_by_frame.json"])
    kept["items"] *= number

    with pytest.raises(MalformedMessageError):
        decode(json.dumps(kept).encode())


def test_a_message_may_be_just_as_long_as_its_limit() -> None:
    data = b'{"type": "Ping", "id": "p1"}'.ljust(MAX_MESSAGE_NBYTES)

    assert decode(data) == Ping(id="p1")
    with pytest.raises(MalformedMessageError, match=f"at most {MAX_MESSAGE_NBYTES} bytes"):
        decode(data + b" ")


def test_a_reply_may_be_longer_when_its_reader_says_so() -> None:
    screenshot = ScreenshotTaken(reply_to="s1", png=bytes(MAX_MESSAGE_NBYTES))

    assert decode(encode(screenshot), limit=MAX_REPLY_NBYTES) == screenshot


def test_the_reason_quotes_a_peer_in_one_short_line() -> None:
    with pytest.raises(MalformedMessageError) as caught:
        decode(json.dumps({"type": "\n\x1b[2J" + "x" * 100_000}).encode())

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_a_text_that_is_no_unicode_is_not_sent() -> None:
    with pytest.raises(MalformedMessageError):
        encode(Ping(id="plate \udcff"))


@given(data=st.binary(max_size=300))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        decode(data)


@given(data=st.data())
def test_bytes_changed_on_the_way_are_refused_or_a_message(data: st.DataObject) -> None:
    kept = data.draw(st.sampled_from(sorted(GOLDEN.values())))
    first = data.draw(st.integers(0, len(kept)))
    last = data.draw(st.integers(first, min(first + 8, len(kept))))

    _refuse_or_take(kept[:first] + data.draw(st.binary(max_size=8)) + kept[last:])


@given(data=st.data())
def test_values_that_do_not_belong_there_are_refused_or_a_message(data: st.DataObject) -> None:
    kept = json.loads(data.draw(st.sampled_from(sorted(GOLDEN.values()))))
    container, key = data.draw(st.sampled_from(list(_places(kept))))
    container[key] = data.draw(_ANYTHING)

    _refuse_or_take(json.dumps(kept).encode())


def _refuse_or_take(data: bytes) -> None:
    with suppress(MalformedMessageError):
        message = decode(data)

        assert decode(encode(message)) == message  # what was taken once is taken by the next


def _image_with(place: str, value: object) -> bytes:
    kept = json.loads(GOLDEN["batch_image_by_block.json"])
    *way, last = place.split(".")
    part = kept["items"][0]
    for name in way:
        part = part[name]
    part[last] = value
    return json.dumps(kept).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


_NUMBERS = st.integers() | st.sampled_from([10**400, -(1 << 63), (1 << 64) - 1]) | st.floats()
_TEXTS = st.text(st.characters()) | st.sampled_from(["\ud800", "\0", "x" * 9000])
_ANYTHING = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(_TEXTS, inside, max_size=4),
    max_leaves=8,
)


def test_a_batch_with_a_bad_item_is_split() -> None:
    batch = json.loads(GOLDEN["batch_image_by_frame.json"])
    good = batch["items"][0]
    bad = good | {"sequence": good["sequence"] + 1, "pixels": {"type": "telepathy"}}

    split = split_batch(json.dumps(batch | {"items": [bad, good]}).encode())

    assert (split.session, split.oldest) == (batch["session"], batch["oldest"])
    assert [item.sequence for item in split.items] == [good["sequence"]]
    assert [item.sequence for item in split.bad] == [good["sequence"] + 1]
    assert "telepathy" in split.bad[0].reason


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"type": "Ping", "id": "1"}',
        b'{"type": "Batch", "session": "s", "oldest": 1, "items": [{"type": "ImageReady"}]}',
        b'{"type": "Batch", "session": "s", "oldest": 1, "items": [7]}',
        b'{"type": "Batch", "session": "s", "oldest": 1, "items": ["' + b"x" * MAX_MESSAGE_NBYTES + b'"]}',
    ],
)
def test_what_cannot_be_split_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        split_batch(data)


@pytest.mark.parametrize(
    ("data", "asked"),
    [
        (b'{"type": "Navigate", "id": "c1", "without": ["mood"]}', "c1"),
        (b'{"type": "FromTheFuture", "id": "c1"}', "c1"),
        (b'{"type": "Ping", "id": ""}', None),
        (b'{"type": "Ping", "id": 7}', None),
        (b'{"type": "Ping", "id": "c1"', None),
        (b"[" * 5000, None),
        (b'{"type": "Ping", "id": "c1", "mood": "' + b"x" * MAX_MESSAGE_NBYTES + b'"}', None),
    ],
)
def test_of_a_request_that_is_refused_the_id_is_known_if_it_can_be_read(
    data: bytes, asked: str | None
) -> None:
    assert request_id(data) == asked


@pytest.mark.parametrize(
    ("data", "session"),
    [
        (b'{"type": "Batch", "session": "s", "oldest": "1", "items": []}', "s"),
        (b'{"session": "s"}', "s"),
        (b'{"session": 7}', None),
        (b'{"session": "s", "oldest": NaN}', "s"),
        (b'{"session": "\xb5s", "oldest": 1}', None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_of_a_message_that_is_refused_the_session_is_known_if_it_can_be_read(
    data: bytes, session: str | None
) -> None:
    assert session_id(data) == session


@given(st.sampled_from(sorted(GOLDEN)), st.data())
def test_splitting_mutated_messages_raises_nothing_else(name: str, data: st.DataObject) -> None:
    message = bytearray(GOLDEN[name])
    for _ in range(data.draw(st.integers(1, 5))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))

    with suppress(MalformedMessageError):
        split_batch(bytes(message))
