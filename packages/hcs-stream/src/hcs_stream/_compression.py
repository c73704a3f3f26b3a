"""Whether and how pixels are compressed that go as frames, and what is left of them."""

import logging
from collections.abc import Collection
from functools import cache
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np

from hcs_protocol import BLOSC2_LZ4, BLOSC2_ZSTD, DTYPES, PLAIN, ImageSpec

logger = logging.getLogger(__name__)

Compression: TypeAlias = Literal["auto", "none", "zstd", "lz4"]
"""As users say it."""

CODECS = {"none": PLAIN, "zstd": BLOSC2_ZSTD, "lz4": BLOSC2_LZ4}
WAYS = {BLOSC2_ZSTD: ("zstd", "shuffle"), BLOSC2_LZ4: ("lz4", "bitshuffle")}
"""Compressor and filter, by codec: LZ4, which does not count how often a byte comes, gains by whole bits."""
LEVEL = 1
"""Higher ones take several times as long for a few hundredths."""
LEAST_NBYTES = 1 << 14
"""What is smaller is sent as soon as it is compressed."""
LEAST_GAIN = 0.9
"""What does not become smaller than this part goes as it is: both sides would work for nothing."""
CHUNK_NBYTES = 1 << 30
"""So much is compressed at once: Blosc2 takes no 2 GiB."""


def check_compression(said: str) -> Compression:
    """Return what was said, if it is a way to compress.

    Raises:
        ValueError: It is none.
    """
    if said not in get_args(Compression):
        raise ValueError(f"wanted as compression one of {', '.join(get_args(Compression))}, got {said!r}")
    return cast("Compression", said)


def choose_codec(compression: Compression, offered: Collection[str], *, is_here: bool) -> str:
    """Return the codec for frames to a viewer.

    ``"auto"`` leaves frames alone that stay on this machine, which moves them faster than any codec makes
    them smaller. Any network between two machines is slower than zstd on one core, or as fast: 1 Gbit/s is
    0.12 GB/s, and what is encrypted goes at about 0.5 GB/s.

    Args:
        compression: What the user wants.
        offered: What the viewer can decompress.
        is_here: Whether the viewer is on this machine.
    """
    wanted = ("none" if is_here else "zstd") if compression == "auto" else compression
    codec = CODECS[wanted]
    return codec if codec in offered else PLAIN


@cache
def can_compress() -> bool:
    """Say whether Blosc2 is here; warns once if it is not."""
    try:
        from imagecodecs import BLOSC2  # slow to import, and only frames to other machines need it

        is_here, reason = bool(getattr(BLOSC2, "available", False)), "it was built without"
    except ImportError as error:
        is_here, reason = False, str(error)
    if not is_here:
        logger.warning("images go uncompressed, for imagecodecs has no Blosc2: %s", reason)
    return is_here


def compress(pixels: memoryview, spec: ImageSpec, codec: str) -> bytes | None:
    """Return the chunks of a compressed frame, end to end; None if they are hardly smaller.

    Args:
        pixels: The image's bytes.
        spec: What they are.
        codec: One of `hcs_protocol.CODECS`.
    """
    from imagecodecs import blosc2_encode

    itemsize = DTYPES[spec.dtype]
    compressor, shuffle = WAYS[codec]
    items = np.frombuffer(pixels, f"i{itemsize}")  # signed: of bytes, imagecodecs would shuffle eight at once
    step = CHUNK_NBYTES // itemsize
    parts: list[bytes] = []
    for first in range(0, items.size, step):
        part: Any = items[first : first + step]  # any array will do, older stubs want bytes
        compressed = blosc2_encode(
            part,
            LEVEL,
            compressor=compressor,
            shuffle=shuffle,
            typesize=itemsize,
            numthreads=1,
        )
        parts.append(bytes(compressed))
        if len(parts[-1]) > LEAST_GAIN * part.nbytes:
            return None
    return parts[0] if len(parts) == 1 else b"".join(parts)
