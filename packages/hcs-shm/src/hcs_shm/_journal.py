"""The layout of a segment: its header and the slot table, which is also the crash journal.

Ownership of a block moves by messages alone. What stands here lets a reader refuse an old reference, and lets
others find what a process that died still owed. `docs/reference/segment-file-format.md` has the offsets.
"""

import mmap
import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

MAGIC = b"hcs-shm\0"
FORMAT = 1
PAGE = 4096
HELLO_OFFSET = 4096
HELLO_NBYTES = 4096
DESTINATIONS_OFFSET = 8192
DESTINATIONS_NBYTES = 4096
TABLE_OFFSET = 12288
RECORD_NBYTES = 2048
DESCRIPTOR_OFFSET = 64
DESCRIPTOR_NBYTES = RECORD_NBYTES - DESCRIPTOR_OFFSET
MAX_SLOTS = 1 << 16

STATE_OFFSET = 16
_HEADER = struct.Struct("<8s2I9Q40s64s64s")
_WORD = struct.Struct("<Q")
_LENDING = struct.Struct("<3Q")  # state, generation, nbytes
_DESCRIPTION = struct.Struct("<d2I")  # recorded_at, crc32, length of the descriptor
_DESCRIPTION_OFFSET = 24
_COMMIT_OFFSET = 40


def slots_offset(slot_count: int) -> int:
    """Return where the first of so many slots begins: at a page, behind the table."""
    return -(-(TABLE_OFFSET + slot_count * RECORD_NBYTES) // PAGE) * PAGE


def segment_nbytes(slot_count: int, slot_nbytes: int) -> int:
    """Return how many bytes a segment of these slots has."""
    return slots_offset(slot_count) + slot_count * slot_nbytes


class SegmentState(IntEnum):
    """Whether a segment's owner still lends from it."""

    OPEN = 1
    CLOSED = 2


class SlotState(IntEnum):
    """Whether a slot is lent."""

    FREE = 0
    LENT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What a segment says about itself and its owner."""

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
        for text, room in zip(texts, (40, 64, 64), strict=True):
            if len(text) > room:
                raise ValueError(f"wanted at most {room} bytes of UTF-8, got {text!r}")
        layout = (self.nbytes, self.slot_count, self.slot_nbytes, self.slots_offset)
        words = (SegmentState.OPEN, *layout, self.pid, self.start, 0, 0)
        return _HEADER.pack(MAGIC, FORMAT, RECORD_NBYTES, *words, *texts)

    @classmethod
    def unpack(cls, memory: mmap.mmap | bytes) -> Self:
        """Read a header.

        Raises:
            ValueError: It is no header of this format, or it contradicts itself or the file's size.
        """
        if len(memory) < TABLE_OFFSET or memory[: len(MAGIC)] != MAGIC:
            raise ValueError("no hcs segment")
        _, number, record_nbytes, *words, boot, run, nonce = _HEADER.unpack_from(memory)
        if number != FORMAT:
            raise ValueError(f"segment format {number}, this reader knows {FORMAT}: update the older side")
        _, nbytes, slot_count, slot_nbytes, offset, pid, start, *_ = words
        boot_id, worker_run, secret = (text.rstrip(b"\0").decode() for text in (boot, run, nonce))
        header = cls(
            slot_count=slot_count,
            slot_nbytes=slot_nbytes,
            pid=pid,
            start=start,
            boot_id=boot_id,
            worker_run=worker_run,
            nonce=secret,
        )
        expected = (RECORD_NBYTES, header.slots_offset, header.nbytes, len(memory))
        if (
            not 0 < slot_count <= MAX_SLOTS
            or not slot_nbytes
            or (record_nbytes, offset, nbytes, nbytes) != expected
        ):
            raise ValueError(f"a segment that contradicts itself: {header!r}")
        return header


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """What the journal says about one slot."""

    state: int
    generation: int
    nbytes: int
    descriptor: bytes | None = None
    """What was recorded of this lending, or None."""
    recorded_at: float = 0.0
    """Seconds since 1970."""


class Journal:
    """The header and the slot table of a mapped segment; only the owner's mapping can be written."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self.header = Header.unpack(memory)

    @property
    def closed(self) -> bool:
        """Whether the owner has closed the segment."""
        return self._word(STATE_OFFSET) != SegmentState.OPEN

    def close(self) -> None:
        """Say that nothing here may be opened any more."""
        _WORD.pack_into(self._memory, STATE_OFFSET, SegmentState.CLOSED)

    def offset_of(self, index: int) -> int:
        """Return where a slot begins."""
        return self.header.slots_offset + index * self.header.slot_nbytes

    def index_of(self, offset: int) -> int:
        """Return which slot begins here.

        Raises:
            LookupError: None does.
        """
        index, inside = divmod(offset - self.header.slots_offset, self.header.slot_nbytes)
        if inside or not 0 <= index < self.header.slot_count:
            raise LookupError(f"no block begins at {offset!r}")
        return index

    def lend(self, index: int, generation: int, nbytes: int) -> None:
        """Write that a slot is lent."""
        record = _record_offset(index)
        _WORD.pack_into(self._memory, record + _COMMIT_OFFSET, 0)
        _LENDING.pack_into(self._memory, record, SlotState.LENT, generation, nbytes)

    def take_back(self, index: int) -> None:
        """Write that a slot is free and owes nothing."""
        record = _record_offset(index)
        _WORD.pack_into(self._memory, record + _COMMIT_OFFSET, 0)
        _WORD.pack_into(self._memory, record, SlotState.FREE)

    def record(self, index: int, descriptor: bytes, recorded_at: float) -> None:
        """Write what a lent slot holds; it counts once the commit word, written last, is there.

        Raises:
            ValueError: The descriptor is longer than its room.
        """
        if len(descriptor) > DESCRIPTOR_NBYTES:
            raise ValueError(
                f"wanted at most {DESCRIPTOR_NBYTES} bytes, the descriptor has {len(descriptor)}"
            )
        record = _record_offset(index)
        begin = record + DESCRIPTOR_OFFSET
        description = (recorded_at, zlib.crc32(descriptor), len(descriptor))
        _WORD.pack_into(self._memory, record + _COMMIT_OFFSET, 0)
        self._memory[begin : begin + len(descriptor)] = descriptor
        _DESCRIPTION.pack_into(self._memory, record + _DESCRIPTION_OFFSET, *description)
        _WORD.pack_into(self._memory, record + _COMMIT_OFFSET, self.slot(index).generation)

    def slot(self, index: int) -> SlotRecord:
        """Return who has a slot, without its descriptor."""
        return SlotRecord(*_LENDING.unpack_from(self._memory, _record_offset(index)))

    def committed(self, index: int) -> SlotRecord:
        """Return who has a slot, with its descriptor if a whole one was recorded for this lending."""
        slot, record = self.slot(index), _record_offset(index)
        recorded_at, crc32, length = _DESCRIPTION.unpack_from(self._memory, record + _DESCRIPTION_OFFSET)
        begin = record + DESCRIPTOR_OFFSET
        descriptor = self._memory[begin : begin + min(length, DESCRIPTOR_NBYTES)]
        commit = self._word(record + _COMMIT_OFFSET)
        if slot.state != SlotState.LENT or commit != slot.generation or zlib.crc32(descriptor) != crc32:
            return slot
        return SlotRecord(slot.state, slot.generation, slot.nbytes, descriptor, recorded_at)

    def _word(self, offset: int) -> int:
        word: int = _WORD.unpack_from(self._memory, offset)[0]
        return word


def _record_offset(index: int) -> int:
    return TABLE_OFFSET + index * RECORD_NBYTES
