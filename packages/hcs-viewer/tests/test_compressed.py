"""Frames are decompressed into the store, and what is none is refused while the viewer lives on."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcs_protocol import CODECS, CompressedPixelsError, FrameRef, ImageSpec
from hcs_protocol.testing import FRAME_SPEC, DecompressorTests, frame_pixels, golden_frames
from hcs_viewer._compressed import CompressedFrame, codecs_here
from hcs_viewer._store import Store

FRAMES = golden_frames()


def kept(frame: bytes, codec: str, spec: ImageSpec, store: Store | None = None) -> bytes:
    """Return the bytes that a store has of a compressed frame."""
    store = Store() if store is None else store
    ref = FrameRef(frame=1, nbytes=len(frame), codec=codec)
    number = store.keep(spec, CompressedFrame(memoryview(frame), ref, spec))
    return store.get(number).pixels.tobytes()


class TestDecompressor(DecompressorTests):
    def decompress(self, frame: bytes, codec: str, spec: ImageSpec) -> bytes:
        return kept(frame, codec, spec)


def test_a_viewer_takes_all_codecs() -> None:
    assert codecs_here() == tuple(CODECS)


def test_a_frame_of_another_length_than_was_said_is_refused() -> None:
    frame = FRAMES["blosc2-zstd"]
    ref = FrameRef(frame=1, nbytes=len(frame) + 1, codec="blosc2-zstd")

    with pytest.raises(CompressedPixelsError, match="wanted a frame of"):
        CompressedFrame(memoryview(frame), ref, FRAME_SPEC)


@pytest.mark.parametrize("codec", CODECS)
def test_a_chunk_that_is_stored_as_it_is_says_nothing_of_a_compressor(codec: str) -> None:
    pixels, header = frame_pixels(), bytearray(FRAMES[codec][:32])
    nbytes = len(pixels)
    header[2] = 0x07  # with filters in the header, stored, by compressor 0: as Blosc2 makes it of a few bytes
    header[4:16] = struct.pack("<III", nbytes, nbytes, 32 + nbytes)

    assert kept(bytes(header) + pixels, codec, FRAME_SPEC) == pixels


def test_more_than_the_memory_of_a_viewer_is_not_decompressed() -> None:
    with pytest.raises(CompressedPixelsError, match="wanted at most 5000 bytes"):
        kept(FRAMES["blosc2-zstd"], "blosc2-zstd", FRAME_SPEC, Store(budget=5000))


def test_what_is_damaged_leaves_nothing_in_the_store() -> None:
    store, frame = Store(), bytearray(FRAMES["blosc2-zstd"])
    frame[32:36] = b"\xff" * 4  # where its first block begins

    with pytest.raises(CompressedPixelsError, match="damaged"):
        kept(bytes(frame), "blosc2-zstd", FRAME_SPEC, store)

    assert (len(store), store.nbytes) == (0, 0)


@settings(max_examples=2000, deadline=None)
@given(st.data())
def test_whatever_is_changed_in_a_frame_it_is_an_image_or_refused(data: st.DataObject) -> None:
    codec = data.draw(st.sampled_from(list(CODECS)))
    frame = bytearray(FRAMES[codec])
    for at in data.draw(st.lists(st.integers(0, len(frame) - 1), min_size=1, max_size=8)):
        frame[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(frame)) | st.just(len(frame)))
    try:
        pixels = kept(bytes(frame[:cut]), codec, FRAME_SPEC)
    except CompressedPixelsError:
        return

    assert len(pixels) == FRAME_SPEC.nbytes


@pytest.mark.parametrize("codec", CODECS)
def test_pixels_come_out_as_they_went_in(codec: str) -> None:
    pixels = np.frombuffer(frame_pixels(), "<u2").reshape(FRAME_SPEC.shape)
    store = Store()
    frame = FRAMES[codec]
    ref = FrameRef(frame=1, nbytes=len(frame), codec=codec)

    image = store.get(store.keep(FRAME_SPEC, CompressedFrame(memoryview(frame), ref, FRAME_SPEC)))

    assert np.array_equal(image.pixels, pixels)
    assert not image.pixels.flags.writeable
