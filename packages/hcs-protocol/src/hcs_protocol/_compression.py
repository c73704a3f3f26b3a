"""Compressed frames: the names of codecs, and what the headers of a frame's chunks may say.

A compressed frame is one or more Blosc2 chunks, end to end, whose bytes, decompressed, are the image's in
order. Of all that such a chunk can be, a frame takes what its codec names and nothing else: no plugin, no
dictionary, no reference to a file. All of this is checked before anything is decompressed.

Source: C-Blosc2's README_CHUNK_FORMAT.rst (format 5, the header with filters).
"""

from collections.abc import Iterator
from struct import Struct
from typing import Annotated

import msgspec
from msgspec import Meta

from ._errors import CompressedPixelsError
from ._images import DTYPES, ImageSpec

Codec = Annotated[str, Meta(min_length=1, max_length=32)]
"""The name of one; a peer may have others than this release knows."""
PLAIN = "none"
"""The codec of a frame that is not compressed."""
BLOSC2_ZSTD, BLOSC2_LZ4 = "blosc2-zstd", "blosc2-lz4"
CODECS: dict[str, int] = {BLOSC2_ZSTD: 4, BLOSC2_LZ4: 1}
"""Codecs of compressed frames, with the numbers that a chunk's header has for them."""

MAX_CHUNKS = 1024
MAX_CHUNK_NBYTES = (1 << 31) - 33
"""As much as Blosc2 compresses at once."""
MAX_BLOCK_NBYTES = 1 << 25
"""A chunk is decompressed in blocks, several of which have to be in memory besides the image."""

_HEADER = Struct("<BBBBIII6sBB6sBB")
_EXTENDED = 0x05
"""Of the flags: the header has filters."""
_STORED = 0x02
"""Of the flags: nothing is compressed, whatever by."""
_MOST_FORMAT = 5
_FILTERS = {bytes(6), bytes([0, 0, 0, 0, 0, 1]), bytes([0, 0, 0, 0, 0, 2])}
"""None, bytes shuffled, bits shuffled."""
_PLUGINS = 32
"""From here on compressors are looked for outside the library."""
_BLOSC2_FLAGS = {0x00, 0x10}
"""Nothing special, all zeros."""


class Chunk(msgspec.Struct, frozen=True):
    """A chunk of a compressed frame."""

    begin: int
    """Its first byte in the frame."""
    end: int
    first: int
    """Its first byte in the image."""
    nbytes: int
    """Decompressed."""


def chunks(frame: memoryview | bytes, codec: str, spec: ImageSpec) -> list[Chunk]:
    """Return the chunks of a compressed frame, which can be decompressed one by one.

    Nothing is decompressed here; what comes out of a chunk may still be damaged.

    Args:
        frame: The chunks, end to end.
        codec: One of `CODECS`.
        spec: Of the image.

    Raises:
        CompressedPixelsError: The codec is unknown, or the headers do not say what codec and spec do.
    """
    if codec not in CODECS:
        raise CompressedPixelsError(f"wanted one of {', '.join(CODECS)} as codec, found {codec!r}")
    found = list(_chunks(memoryview(frame).cast("B"), codec, spec))
    said = sum(chunk.nbytes for chunk in found)
    if said != spec.nbytes:
        raise CompressedPixelsError(f"wanted {spec.nbytes} bytes once decompressed, found {said}")
    return found


def _chunks(frame: memoryview, codec: str, spec: ImageSpec) -> Iterator[Chunk]:
    begin = first = count = 0
    while begin < len(frame):
        count += 1
        if count > MAX_CHUNKS:
            raise CompressedPixelsError(f"wanted at most {MAX_CHUNKS} chunks, found more")
        chunk = _chunk(frame, begin, first, codec, spec)
        begin, first = chunk.end, first + chunk.nbytes
        if first > spec.nbytes:
            raise CompressedPixelsError(f"wanted {spec.nbytes} bytes once decompressed, found more")
        yield chunk


def _chunk(frame: memoryview, begin: int, first: int, codec: str, spec: ImageSpec) -> Chunk:
    if len(frame) - begin < _HEADER.size:
        raise CompressedPixelsError(f"wanted a chunk at byte {begin}, the frame ends at {len(frame)}")
    header = _HEADER.unpack_from(frame, begin)
    version, _, flags, itemsize, nbytes, block, cbytes, filters, compressor, _, _, _, more = header
    _check_kind(version, flags, codec)
    if itemsize != DTYPES[spec.dtype]:
        raise CompressedPixelsError(f"wanted items of {DTYPES[spec.dtype]} bytes, found {itemsize}")
    if filters not in _FILTERS or compressor >= _PLUGINS or more not in _BLOSC2_FLAGS:
        raise CompressedPixelsError(
            f"wanted bytes or bits shuffled, nothing else; found filters {filters.hex()}, flags {more:#04x}"
        )
    if not 0 < nbytes <= MAX_CHUNK_NBYTES or not 0 < block <= min(nbytes, MAX_BLOCK_NBYTES):
        raise CompressedPixelsError(f"wanted bytes in blocks of them, found {nbytes} in blocks of {block}")
    if not _HEADER.size <= cbytes <= len(frame) - begin:
        there = len(frame) - begin
        raise CompressedPixelsError(f"wanted a chunk of {cbytes} bytes at byte {begin}, found {there}")
    return Chunk(begin, begin + cbytes, first, nbytes)


def _check_kind(version: int, flags: int, codec: str) -> None:
    if not 0 < version <= _MOST_FORMAT or flags & _EXTENDED != _EXTENDED:
        raise CompressedPixelsError(f"wanted a Blosc2 chunk, found format {version}, flags {flags:#04x}")
    if flags >> 5 != CODECS[codec] and not flags & _STORED:
        raise CompressedPixelsError(f"wanted a chunk of {codec}, found one of compressor {flags >> 5}")
