"""What is compressed, how, and what goes as it is."""

import numpy as np
import pytest

from hcs_protocol import BLOSC2_LZ4, BLOSC2_ZSTD, CODECS, PLAIN, ImageSpec, chunks
from hcs_protocol.testing import CompressorTests
from hcs_stream import _compression
from hcs_stream._compression import can_compress, check_compression, choose_codec, compress


class TestCompressor(CompressorTests):
    def compress(self, pixels: bytes, codec: str, spec: ImageSpec) -> bytes | None:
        return compress(memoryview(pixels), spec, codec)


@pytest.mark.parametrize(
    ("said", "is_here", "chosen"),
    [
        ("auto", True, PLAIN),
        ("auto", False, BLOSC2_ZSTD),
        ("none", False, PLAIN),
        ("zstd", True, BLOSC2_ZSTD),
        ("lz4", False, BLOSC2_LZ4),
    ],
)
def test_auto_compresses_what_leaves_this_machine(said: str, is_here: bool, chosen: str) -> None:
    assert choose_codec(check_compression(said), list(CODECS), is_here=is_here) == chosen


@pytest.mark.parametrize("offered", [[], ["blosc2-lz4"], ["brotli"]])
def test_a_viewer_that_cannot_take_it_gets_plain_frames(offered: list[str]) -> None:
    assert choose_codec("zstd", offered, is_here=False) == PLAIN


@pytest.mark.parametrize("said", ["", "gzip", "ZSTD", "zstd:3"])
def test_another_word_is_refused_with_those_that_there_are(said: str) -> None:
    with pytest.raises(ValueError, match="one of auto, none, zstd, lz4"):
        check_compression(said)


def test_a_large_image_becomes_several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_compression, "CHUNK_NBYTES", 1 << 16)
    spec = ImageSpec(shape=(3, 100, 200), dtype="uint16", axes=("z", "y", "x"))
    pixels = np.arange(60_000, dtype="<u2")

    frame = compress(memoryview(pixels).cast("B"), spec, BLOSC2_ZSTD)

    assert frame is not None
    assert [chunk.nbytes for chunk in chunks(frame, BLOSC2_ZSTD, spec)] == [1 << 16, 120_000 - (1 << 16)]


def test_without_blosc2_images_go_as_they_are_and_one_warning_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "imagecodecs", None)
    _compression.can_compress.cache_clear()
    try:
        found = [can_compress() for _ in range(3)]
    finally:
        _compression.can_compress.cache_clear()

    assert found == [False] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "images go uncompressed, for imagecodecs has no Blosc2: "
        "import of imagecodecs halted; None in sys.modules"
    ]


def test_an_imagecodecs_without_blosc2_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagecodecs.BLOSC2.available", False)
    _compression.can_compress.cache_clear()
    try:
        assert not can_compress()
    finally:
        _compression.can_compress.cache_clear()
