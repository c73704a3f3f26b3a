"""The first page of a segment: what it says about itself and its owner.

All numbers are in the byte order of the machine, which no segment leaves.
`docs/reference/segment-file-format.md` has the offsets.
"""

import mmap
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

MAGIC = b"hcs-shm\0"
FORMAT = 1
PAGE = 4096
TABLE_OFFSET = 4096
RECORD_NBYTES = 2048
MAX_SLOTS = 1 << 16

HEADER = struct.Struct("=8s2I9Q40s64s64s")
_ROOM = 40, 64, 64


class UnknownFormatError(ValueError):
    """The segment is of another format than this version knows; it is nobody's to judge."""


class Kind(IntEnum):
    """Whether a segment's pixels lie in memory or on disk."""

    MEMORY = 1
    DISK = 2


class SegmentState(IntEnum):
    """Whether a segment's owner still lends from it."""

    OPEN = 1
    CLOSED = 2


def slots_offset(slot_count: int) -> int:
    """Return where the first of so many slots begins: at a page, behind the table."""
    return -(-(TABLE_OFFSET + slot_count * RECORD_NBYTES) // PAGE) * PAGE


def segment_nbytes(slot_count: int, slot_nbytes: int) -> int:
    """Return how many bytes a segment of these slots has."""
    return slots_offset(slot_count) + slot_count * slot_nbytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What a segment says about itself and its owner."""

    kind: Kind
    slot_count: int
    slot_nbytes: int
    pid: int
    start: int
    """When the owner began, in its system's ticks; with the pid it names one process of this boot."""
    boot_id: str
    worker_run: str
    nonce: str

    @property
    def slots_offset(self) -> int:
        """Where the first slot begins."""
        return slots_offset(self.slot_count)

    @property
    def nbytes(self) -> int:
        """Bytes of the whole file."""
        return segment_nbytes(self.slot_count, self.slot_nbytes)

    def pack(self) -> bytes:
        """Return the header's bytes.

        Raises:
            ValueError: A text is longer than its room.
        """
        texts = [text.encode() for text in (self.boot_id, self.worker_run, self.nonce)]
        for text, room in zip(texts, _ROOM, strict=True):
            if len(text) > room:
                raise ValueError(f"wanted at most {room} bytes of UTF-8, got {text!r}")
        layout = (self.nbytes, self.slot_count, self.slot_nbytes, self.slots_offset)
        words = (SegmentState.OPEN, *layout, self.pid, self.start, self.kind, 0)
        return HEADER.pack(MAGIC, FORMAT, RECORD_NBYTES, *words, *texts)

    @classmethod
    def unpack(cls, first: mmap.mmap | bytes, nbytes: int) -> Self:
        """Read a header.

        Args:
            first: The beginning of the file.
            nbytes: The size of the whole file.

        Raises:
            ValueError: It is no header of this format, or it contradicts itself or the file's size.
        """
        if len(first) < HEADER.size or first[: len(MAGIC)] != MAGIC:
            raise ValueError("no hcs segment")
        _, number, record_nbytes, *words, boot, run, nonce = HEADER.unpack_from(first)
        if number != FORMAT:
            raise UnknownFormatError(
                f"segment format {number}, this reader knows {FORMAT}: update the older side"
            )
        _, said_nbytes, slot_count, slot_nbytes, offset, pid, start, kind, _ = words
        boot_id, worker_run, secret = (
            text.rstrip(b"\0").decode(errors="replace") for text in (boot, run, nonce)
        )
        header = cls(
            kind=Kind(kind),
            slot_count=slot_count,
            slot_nbytes=slot_nbytes,
            pid=pid,
            start=start,
            boot_id=boot_id,
            worker_run=worker_run,
            nonce=secret,
        )
        said = (record_nbytes, offset, said_nbytes, said_nbytes)
        wanted = (RECORD_NBYTES, header.slots_offset, header.nbytes, nbytes)
        if not 0 < slot_count <= MAX_SLOTS or not slot_nbytes or said != wanted:
            raise ValueError(f"a segment that contradicts itself: {header!r}")
        return header
