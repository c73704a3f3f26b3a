"""The headers of compressed frames, without a codec: nothing is decompressed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcs_protocol import CODECS, CompressedPixelsError, FrameRef, ImageSpec, Welcome, chunks, decode
from hcs_protocol._compression import MAX_CHUNKS
from hcs_protocol.testing import FRAME_SPEC, golden_frames, golden_messages

FRAMES = golden_frames()


def zeros(nbytes: int, count: int = 1) -> bytes:
    """Return chunks that say that they are zeros."""
    header = bytearray(FRAMES["blosc2-zstd"][:32])
    header[4:8] = header[8:12] = nbytes.to_bytes(4, "little")
    header[12:16], header[31] = (32).to_bytes(4, "little"), 0x10
    return bytes(header) * count


@pytest.mark.parametrize("codec", CODECS)
def test_the_chunks_of_a_frame_follow_one_another(codec: str) -> None:
    frame, nbytes = FRAMES[codec], FRAME_SPEC.nbytes

    first, second = chunks(frame * 2, codec, ImageSpec(shape=(128, 96), dtype="uint16"))

    assert (first.begin, first.end, first.first, first.nbytes) == (0, len(frame), 0, nbytes)
    assert (second.begin, second.end, second.first) == (len(frame), 2 * len(frame), nbytes)


def test_a_frame_has_only_so_many_chunks() -> None:
    spec = ImageSpec(shape=(2, 2 * MAX_CHUNKS), dtype="uint16")

    assert len(chunks(zeros(8, MAX_CHUNKS), "blosc2-zstd", spec)) == MAX_CHUNKS
    with pytest.raises(CompressedPixelsError, match=f"at most {MAX_CHUNKS} chunks"):
        chunks(zeros(8, MAX_CHUNKS + 1), "blosc2-zstd", spec)


def test_what_a_few_bytes_would_become_is_said_before_it_is_made() -> None:
    with pytest.raises(CompressedPixelsError, match=r"wanted 12288 bytes once decompressed, found more"):
        chunks(zeros(1 << 25), "blosc2-zstd", FRAME_SPEC)


@given(st.binary(max_size=100), st.sampled_from([*CODECS, "none", ""]))
def test_any_bytes_are_chunks_or_refused(frame: bytes, codec: str) -> None:
    with pytest.raises(CompressedPixelsError):
        chunks(frame, codec, FRAME_SPEC)


@given(st.data())
def test_whatever_is_changed_in_a_header_no_chunk_goes_beyond_frame_or_image(data: st.DataObject) -> None:
    codec = data.draw(st.sampled_from(list(CODECS)))
    frame = bytearray(FRAMES[codec])
    for at in data.draw(st.lists(st.integers(0, 31), max_size=6)):
        frame[at] = data.draw(st.integers(0, 255))
    try:
        found = chunks(bytes(frame), codec, FRAME_SPEC)
    except CompressedPixelsError:
        return

    assert [chunk.first + chunk.nbytes for chunk in found] == [FRAME_SPEC.nbytes]
    assert found[0].end == len(frame)


def test_who_says_nothing_of_codecs_gets_plain_frames() -> None:
    welcome = decode(golden_messages()["welcome.json"])

    assert isinstance(welcome, Welcome)
    assert welcome.codecs == []
    assert FrameRef(frame=1, nbytes=7).codec == "none"
