"""The slot table of a segment, which is also the crash journal.

Ownership of a block moves by messages alone. What stands here lets a reader refuse an old reference, and lets
others find what a process that died still owed. Each number is one store: who is killed leaves the old one or
the new one. `docs/reference/segment-file-format.md` has the offsets.
"""

import sys
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from hcs_protocol import MAX_DESTINATIONS

from ._header import RECORD_NBYTES, TABLE_OFFSET, Header, SegmentState

DESCRIPTOR_OFFSET = 128
DESCRIPTOR_NBYTES = RECORD_NBYTES - DESCRIPTOR_OFFSET

_WORD = 8
_SEGMENT_STATE = 2  # which word of the file
_TABLE, _RECORD = TABLE_OFFSET // _WORD, RECORD_NBYTES // _WORD
_GENERATION, _NBYTES, _RECORDED_AT, _CHECKED, _COMMIT, _OWED, _UPTIME, _NUMBERS = range(1, 9)
"""Which word of a record; its state is the first."""
_OWED_OFFSET = _OWED * _WORD
_ALL_OWED = [
    int.from_bytes(bytes([1] * count).ljust(MAX_DESTINATIONS, b"\0"), sys.byteorder)
    for count in range(MAX_DESTINATIONS + 1)
]
_NOT_SENT = memoryview(bytes(MAX_DESTINATIONS * _WORD)).cast("Q")


class SlotState(IntEnum):
    """Whether a slot is lent."""

    FREE = 0
    LENT = 1


_LENT, _CLOSED = int(SlotState.LENT), int(SegmentState.CLOSED)  # enums compare five times as slowly


class SlotRecord(NamedTuple):
    """Who has a slot."""

    state: int
    generation: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class OwedRecord:
    """An image that somebody is owed."""

    index: int
    nbytes: int
    entry: bytes
    owed: tuple[int, ...]
    """Which destinations are, by their place in the entry."""
    numbers: tuple[int, ...]
    """By which number each destination knows the image; 0 if it was never sent there."""
    recorded_at: int
    """Nanoseconds since 1970."""
    uptime: int
    """Nanoseconds since the boot of then; of one boot, it tells the order."""


class Journal:
    """The slot table in a mapped file, whose slots need not be mapped; only the owner's can be written.

    An index is that of a slot of this segment, 0 to `Header.slot_count` - 1.
    """

    def __init__(self, memory: memoryview, header: Header) -> None:
        self._memory = memory[: header.slots_offset]
        self._words, self._halves = self._memory.cast("Q"), self._memory.cast("I")
        self.header = header
        self._begin, self._slot_nbytes = header.slots_offset, header.slot_nbytes

    @property
    def closed(self) -> bool:
        """Whether the owner has closed the segment."""
        return self._words[_SEGMENT_STATE] == SegmentState.CLOSED

    def close(self) -> None:
        """Say that nothing here may be opened any more."""
        self._words[_SEGMENT_STATE] = SegmentState.CLOSED

    def let_go(self) -> None:
        """Look at the memory no more; nothing else may be called afterwards."""
        self._words.release()
        self._halves.release()
        self._memory.release()

    def offset_of(self, index: int) -> int:
        """Return where a slot begins."""
        return self._begin + index * self.header.slot_nbytes

    def index_of(self, offset: int) -> int:
        """Return which slot begins here.

        Raises:
            LookupError: None does.
        """
        index, inside = divmod(offset - self._begin, self.header.slot_nbytes)
        if inside or not 0 <= index < self.header.slot_count:
            raise LookupError(f"no block begins at {offset!r}")
        return index

    def lend(self, index: int, generation: int, nbytes: int) -> None:
        """Write that a free slot is lent."""
        words, word = self._words, _TABLE + index * _RECORD
        words[word + _GENERATION] = generation
        words[word + _NBYTES] = nbytes
        words[word] = 1  # an enum costs as much as all three stores

    def take_back(self, index: int) -> None:
        """Write that a slot is free and owes nothing."""
        words, word = self._words, _TABLE + index * _RECORD
        words[word + _COMMIT] = 0
        words[word] = 0

    def record(self, index: int, entry: bytes, destinations: int, recorded_at: int, uptime: int) -> bool:
        """Write what a lent slot holds; it counts once the commit word, written last, is there.

        Returns False if the entry is longer than its room: then nothing is owed.

        Args:
            index: Which slot.
            entry: From `hcs_protocol.encode_entry`.
            destinations: So many are owed the image, none of them was sent it.
            recorded_at: Nanoseconds since 1970.
            uptime: Nanoseconds since boot.

        Raises:
            LookupError: The journal has no room for so many destinations.
        """
        words, word = self._words, _TABLE + index * _RECORD
        words[word + _COMMIT] = 0
        if len(entry) > DESCRIPTOR_NBYTES:
            return False
        words[word + _RECORDED_AT] = recorded_at  # stores of words take half as long as to pack a struct
        self._halves[2 * (word + _CHECKED)] = zlib.crc32(entry)
        self._halves[2 * (word + _CHECKED) + 1] = len(entry)
        words[word + _OWED] = _ALL_OWED[destinations]
        words[word + _UPTIME] = uptime
        words[word + _NUMBERS : word + _NUMBERS + MAX_DESTINATIONS] = _NOT_SENT
        begin = word * _WORD + DESCRIPTOR_OFFSET
        self._memory[begin : begin + len(entry)] = entry
        words[word + _COMMIT] = words[word + _GENERATION]
        return True

    def number(self, index: int, destination: int, sequence: int) -> None:
        """Write by which number a destination knows the image.

        Raises:
            LookupError: The journal has no room for so many destinations.
        """
        if not 0 <= destination < MAX_DESTINATIONS:
            raise LookupError(_wanted(destination))
        self._words[_TABLE + index * _RECORD + _NUMBERS + destination] = sequence

    def settle(self, index: int, destination: int) -> None:
        """Write that a destination is not owed the image any more.

        Raises:
            LookupError: The journal has no room for so many destinations.
        """
        if not 0 <= destination < MAX_DESTINATIONS:
            raise LookupError(_wanted(destination))
        self._memory[TABLE_OFFSET + index * RECORD_NBYTES + _OWED_OFFSET + destination] = 0

    def lends(self, offset: int, generation: int, nbytes: int) -> bool:
        """Say whether exactly this block is lent, in a segment that is not closed."""
        size = self._slot_nbytes
        index, inside = divmod(offset - self._begin, size)
        if inside or nbytes > size or not 0 <= index < self.header.slot_count:
            return False
        words, word = self._words, _TABLE + index * _RECORD
        lending = words[word] == _LENT and words[word + 1] == generation and words[word + 2] == nbytes
        return lending and words[_SEGMENT_STATE] != _CLOSED

    def slot(self, index: int) -> SlotRecord:
        """Return who has a slot."""
        word = _TABLE + index * _RECORD
        return SlotRecord(*self._words[word : word + 3])

    def owed_by(self, index: int) -> tuple[int, ...]:
        """Return which destinations are owed the image in a slot, whether or not it can be read."""
        word = _TABLE + index * _RECORD
        generation, commit = self._words[word + _GENERATION], self._words[word + _COMMIT]
        if self._words[word] != SlotState.LENT or not generation == commit != 0:
            return ()
        begin = word * _WORD + _OWED_OFFSET
        flags = self._memory[begin : begin + MAX_DESTINATIONS]
        return tuple(destination for destination, flag in enumerate(flags) if flag)

    def owed(self, index: int) -> OwedRecord | None:
        """Return the image in a slot if somebody is owed it.

        Raises:
            ValueError: Somebody is, but what was recorded is damaged.
        """
        if not (owed := self.owed_by(index)):
            return None
        word, nbytes = _TABLE + index * _RECORD, self.slot(index).nbytes
        words = self._words[word : word + _NUMBERS + MAX_DESTINATIONS].tolist()
        crc, length = self._halves[2 * (word + _CHECKED)], self._halves[2 * (word + _CHECKED) + 1]
        begin = word * _WORD + DESCRIPTOR_OFFSET
        entry = bytes(self._memory[begin : begin + length])
        if length > DESCRIPTOR_NBYTES or nbytes > self.header.slot_nbytes or zlib.crc32(entry) != crc:
            raise ValueError(f"a damaged journal entry of {length} bytes in slot {index}")
        numbers = tuple(words[_NUMBERS:])
        return OwedRecord(index, nbytes, entry, owed, numbers, words[_RECORDED_AT], words[_UPTIME])

    @property
    def owes(self) -> bool:
        """Whether anybody is owed an image."""
        return any(self.owed_by(index) for index in range(self.header.slot_count))

    def all_owed(self) -> tuple[list[OwedRecord], int]:
        """Return all images that somebody is owed, and how many more records are damaged."""
        found, damaged = list[OwedRecord](), 0
        for index in range(self.header.slot_count):
            try:
                record = self.owed(index)
            except ValueError:
                damaged += 1
            else:
                found += [record] if record is not None else []
        return found, damaged


def _wanted(destination: int) -> str:
    return f"wanted a destination below {MAX_DESTINATIONS}, got {destination!r}"
