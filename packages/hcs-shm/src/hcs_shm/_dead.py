"""A segment whose owner is gone: what it still owes."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hcs_protocol import Destination, ImageReady, MalformedMessageError, decode_entry

from ._journal import OwedRecord
from ._platform import boot_id
from ._segment import open_segment, open_table

_LARGEST_NUMBER = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Orphan:
    """An image that a worker published before it died, and that nobody adopted."""

    record: OwedRecord
    place: int
    destination: Destination
    image: ImageReady
    pixels: memoryview

    @property
    def sequence(self) -> int:
        """The number it was sent by; 0 if it was never sent."""
        return self.record.numbers[self.place]


class DeadSegment:
    """Nobody writes here any more, but who settles what it owes; to do so, claim it as `owner_is_gone` does.

    Raises:
        OSError: It cannot be opened.
        ValueError: It is no whole segment of a format that this version knows.
    """

    def __init__(self, path: Path, is_ours: Callable[[Destination], bool]) -> None:
        self.path = path
        self.damaged = 0
        """Images of which nobody can tell what they are."""
        self.problem = "its checksum is wrong"
        """What is the matter with the last of them."""
        self._table = open_table(path, writable=True)
        self._whole = open_segment(path)
        records, self.damaged = ([], 0) if self._table.journal.closed else self._table.journal.all_owed()
        self._indexes = [record.index for record in records]
        self._orphans = [orphan for record in records for orphan in self._read(record, is_ours)]

    @property
    def is_of_earlier_boot(self) -> bool:
        """Whether the machine was started since; if its power failed, pixels may be missing."""
        return self._table.header.boot_id not in {boot_id(), ""}

    @property
    def owes(self) -> bool:
        """Whether anybody is still owed an image."""
        return any(self._table.journal.owed_by(index) for index in self._indexes)

    def orphans(self) -> list[Orphan]:
        """Return what our destinations are still owed."""
        owed_by = self._table.journal.owed_by
        self._orphans = [orphan for orphan in self._orphans if orphan.place in owed_by(orphan.record.index)]
        return self._orphans

    def settle(self, orphan: Orphan) -> None:
        """Write that its destination is not owed an image any more."""
        self._table.journal.settle(orphan.record.index, orphan.place)

    def close(self) -> None:
        """Unmap the file; a second time is harmless."""
        self._orphans = []
        self._table.unmap()
        self._whole.unmap()

    def remove(self) -> None:
        """Unmap and remove the file."""
        self.close()
        with contextlib.suppress(OSError):  # Windows, and a viewer still looks
            self.path.unlink()

    def _read(self, record: OwedRecord, is_ours: Callable[[Destination], bool]) -> Iterator[Orphan]:
        try:
            entry = decode_entry(record.entry)
            _check(entry.image.spec.nbytes, record)
        except (MalformedMessageError, ValueError) as error:  # a later version may read it
            self.damaged += 1
            self.problem = str(error)
            return
        pixels = self._whole.view(self._whole.journal.offset_of(record.index), record.nbytes)
        for place, destination in enumerate(entry.destinations):
            if place in record.owed and is_ours(destination):
                yield Orphan(record, place, destination, entry.image, pixels)


def _check(nbytes: int, record: OwedRecord) -> None:
    if nbytes != record.nbytes:
        raise ValueError(f"wanted a block of {nbytes} bytes, as the image says, found {record.nbytes}")
    if max(record.numbers) > _LARGEST_NUMBER:
        raise ValueError(f"wanted numbers of at most 63 bits, found {max(record.numbers)}")
