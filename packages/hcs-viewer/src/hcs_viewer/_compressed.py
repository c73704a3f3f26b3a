"""Frames that a worker compressed: decompressed straight into the store's memory, and no further."""

from functools import cache
from typing import Any

from hcs_protocol import CODECS, CompressedPixelsError, FrameRef, ImageSpec, chunks

from ._slabs import Slab


@cache
def codecs_here() -> tuple[str, ...]:
    """Return the codecs that this viewer can decompress: none where imagecodecs was built without Blosc2."""
    try:
        from imagecodecs import BLOSC2  # slow to import, and only frames from other machines need it

        return tuple(CODECS) if getattr(BLOSC2, "available", False) else ()
    except ImportError:
        return ()


class CompressedFrame:
    """The pixels of one image in a compressed frame, whose headers have been checked."""

    def __init__(self, frame: memoryview, ref: FrameRef, spec: ImageSpec) -> None:
        """Look at the headers.

        Raises:
            CompressedPixelsError: They do not say what reference and spec do, or no such codec is here.
        """
        if ref.codec not in codecs_here():
            raise CompressedPixelsError(f"wanted one of {list(codecs_here())} as codec, found {ref.codec!r}")
        if frame.nbytes != ref.nbytes:
            raise CompressedPixelsError(f"wanted a frame of {ref.nbytes} bytes, found {frame.nbytes}")
        self._frame = frame
        self._chunks = chunks(frame, ref.codec, spec)
        self.nbytes = spec.nbytes
        """Decompressed."""

    def write(self, memory: Slab) -> None:
        """Decompress into memory of the image's size.

        Raises:
            CompressedPixelsError: A chunk is damaged.
        """
        from imagecodecs import blosc2_decode

        target = memoryview(memory)
        for chunk in self._chunks:
            source: Any = self._frame[chunk.begin : chunk.end]
            room: Any = target[chunk.first : chunk.first + chunk.nbytes]  # older stubs want an array
            try:
                written = blosc2_decode(source, out=room, numthreads=1)
            except (RuntimeError, ValueError) as error:
                raise CompressedPixelsError(f"the chunk at byte {chunk.begin} is damaged: {error}") from error
            if len(written) != chunk.nbytes:
                raise CompressedPixelsError(
                    f"wanted {chunk.nbytes} bytes from the chunk at byte {chunk.begin}, found {len(written)}"
                )
