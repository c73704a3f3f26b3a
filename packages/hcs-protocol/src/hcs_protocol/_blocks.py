"""Where the pixels of an image are: in a block, a frame or a file; and who lends and opens blocks."""

from collections.abc import Sequence
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from ._components import MAX_INT
from ._compression import PLAIN, Codec
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


class FrameRef(msgspec.Struct, frozen=True, kw_only=True, tag="frame", omit_defaults=True):
    """Pixels in a later frame of the same message."""

    frame: Annotated[int, Meta(ge=1, le=1024)]
    """The message's first frame, number 0, is the JSON."""
    nbytes: Nbytes
    """Of the frame, as it is sent."""
    codec: Codec = PLAIN
    """How the frame is compressed: one of the viewer's ``Welcome.codecs``, or not at all."""


class FileRef(msgspec.Struct, frozen=True, kw_only=True, tag="file"):
    """Pixels in a file that the viewer can read by itself."""

    path: FilePath
    key: Annotated[int, Meta(ge=0, le=MAX_INT)] = 0
    """Which image of the file: the page of a TIFF, the plane of a chunk of a zarr array."""


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


class BlockJournal(Protocol):
    """The worker's side: what is written down of blocks, for viewers that come when the worker is dead.

    Destinations are told apart by their place in the `JournalEntry`. All of this is harmless for a block that
    came back since.
    """

    def record(self, ref: BlockRef, entry: bytes, destinations: int) -> None:
        """Write that a block holds this image and that so many destinations are owed it.

        Args:
            ref: The block.
            entry: From `encode_entry`; one that is too long for the journal is left out, with a warning.
            destinations: How many the entry names, at most `MAX_DESTINATIONS`.
        """

    def number(self, ref: BlockRef, destination: int, sequence: int) -> None:
        """Write by which number a destination knows the image, before it is sent there."""

    def settle(self, ref: BlockRef, destination: int) -> None:
        """Write that this destination is not owed the image any more."""

    def take_back(self, ref: BlockRef) -> None:
        """Recycle a block; a second time, or for an older generation, is harmless."""

    def mend(self) -> bool:
        """Replace segments that somebody removed; say whether there were any. Cheap: do it once a second.

        Blocks lent from them stay valid for who has them open; the offer may be another one afterwards.
        """

    def close(self, *, leave_owed: bool = False) -> None:
        """Remove all segments; a second time is harmless.

        Args:
            leave_owed: Whether to let those lie that owe images, as if this process had died: the next viewer
                takes them.
        """


class BlockLender(BlockJournal, Protocol):
    """The worker's side: lends blocks of shared memory and takes them back."""

    @property
    def offer(self) -> SegmentOffer:
        """The segment to name in Hello."""

    @property
    def nonce(self) -> str:
        """What a viewer on the same machine reads from the offered segment."""

    @property
    def budget(self) -> int:
        """Bytes that all segments together may have."""

    def lend(self, nbytes: int) -> LentBlock:
        """Lend a block of this many bytes.

        Raises:
            PoolFullError: No block is free and no further segment is allowed.
        """


class BlockSpiller(BlockJournal, Protocol):
    """The worker's side: keeps pixels in blocks on disk, which a viewer opens like those in memory."""

    def spill(self, pixels: memoryview) -> BlockRef:
        """Write these bytes into a block and return its reference.

        Raises:
            PoolFullError: The budget is used up, or the disk is full.
        """

    def read(self, ref: BlockRef) -> memoryview:
        """Return a block's bytes, for a viewer that cannot open it."""


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

    def drop_pages(self) -> None:
        """Let what was read no longer count as memory of this process; views stay valid."""

    def close(self) -> None:
        """Unmap all segments; a second time is harmless."""


class PixelCopy(Protocol):
    """The worker's side: a copy that a device makes by itself, while the pipeline goes on."""

    def wait(self) -> None:
        """Wait until the pixels are there, without the GIL; a second time is harmless.

        Raises:
            DeviceError: They never will be.
        """


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
            DeviceError: The device that has it does not hand it over.
        """

    def start(self, array: object, pixels: memoryview) -> PixelCopy | None:
        """Begin to copy an array into these bytes; None if they are there already.

        What the pipeline does to the array afterwards does not reach them.

        Raises:
            UnsupportedArrayError: As `write`.
            ValueError: As `write`.
            DeviceError: As `write`.
        """

    def finish(self) -> None:
        """Wait until no device writes anywhere: `start` was interrupted, and what it began is not known."""
