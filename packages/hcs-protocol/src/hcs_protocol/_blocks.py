"""Where the pixels of an image are: in a block, a frame or a file; and who lends and opens blocks."""

from collections.abc import Sequence
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from ._components import MAX_INT
from ._images import Nbytes

SegmentName = Annotated[str, Meta(pattern=r"^hcs-[0-9A-Za-z.-]{1,96}(?![\s\S])")]  # $ lets a newline through
FilePath = Annotated[str, Meta(min_length=1, max_length=4096, pattern=r"^[^\0]+$")]


class BlockRef(msgspec.Struct, frozen=True, kw_only=True, tag="block"):
    """Pixels in a block of a worker's shared memory."""

    segment: SegmentName
    offset: Nbytes
    nbytes: Nbytes
    generation: Annotated[int, Meta(ge=0, le=MAX_INT)]
    """Counts the lendings of this block: an old reference is not a new one."""


class FrameRef(msgspec.Struct, frozen=True, kw_only=True, tag="frame"):
    """Pixels in a later frame of the same message."""

    frame: Annotated[int, Meta(ge=1, le=1024)]
    """The message's first frame, number 0, is the JSON."""
    nbytes: Nbytes


class FileRef(msgspec.Struct, frozen=True, kw_only=True, tag="file"):
    """Pixels in a file that the viewer can read by itself."""

    path: FilePath
    key: Annotated[int, Meta(ge=0, le=MAX_INT)] = 0
    """Which image of the file: the page of a TIFF."""


PixelsRef = BlockRef | FrameRef | FileRef


class SegmentOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A segment that a worker names in its Hello; who can read its nonce is on the same machine."""

    name: SegmentName
    folder: FilePath


class LentBlock(Protocol):
    """A block in the worker's hands: fill ``pixels``, then publish ``ref``."""

    @property
    def ref(self) -> BlockRef:
        """Where a viewer finds this block."""

    @property
    def pixels(self) -> memoryview:
        """The block's bytes, writable, exactly ``ref.nbytes`` long."""


class BlockLender(Protocol):
    """The worker's side: lends blocks of shared memory and takes them back."""

    @property
    def offer(self) -> SegmentOffer:
        """The segment to name in Hello."""

    @property
    def nonce(self) -> str:
        """What a viewer on the same machine reads from the offered segment."""

    def lend(self, nbytes: int) -> LentBlock:
        """Lend a block of this many bytes.

        Raises:
            PoolFullError: No block is free and no further segment is allowed.
        """

    def take_back(self, ref: BlockRef) -> None:
        """Recycle a block; a second time, or for an older generation, is harmless."""

    def close(self) -> None:
        """Remove all segments; a second time is harmless."""


class BlockOpener(Protocol):
    """The viewer's side: opens blocks that a worker lent, read-only."""

    def read_nonce(self, offer: SegmentOffer) -> str:
        """Return the nonce of an offered segment.

        Raises:
            BlockUnavailableError: There is no such segment here, or it is not this user's.
        """

    def open(self, ref: BlockRef) -> memoryview:
        """Return a read-only view of a block; valid until its segment is forgotten.

        Raises:
            BlockUnavailableError: No such segment, out of its bounds, or lent anew since.
        """

    def forget(self, segments: Sequence[str]) -> None:
        """Unmap these segments as soon as nobody looks at them; unknown names are harmless."""

    def close(self) -> None:
        """Unmap all segments; a second time is harmless."""


class PixelWriter(Protocol):
    """The worker's side: brings any library's array into host memory."""

    def layout(self, array: object) -> tuple[tuple[int, ...], str]:
        """Return an array's shape and the name of its dtype.

        Raises:
            UnsupportedArrayError: It is no array that this writer knows.
        """

    def write(self, array: object, pixels: memoryview) -> None:
        """Copy an array into these bytes: C order, little-endian, one pass.

        Raises:
            UnsupportedArrayError: It is no array that this writer knows.
            ValueError: It does not have as many bytes as there is room.
        """
