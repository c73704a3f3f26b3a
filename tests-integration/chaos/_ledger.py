"""What a worker says about its images, and what a viewer says: one short line each, written at once."""

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ._images import Name

RESERVED = 256


class Ledger:
    """A worker's log: a line is in the file when the call returns, whatever kills the process then."""

    def __init__(self, path: Path) -> None:
        self._file = _append_to(path)
        self._numbers = itertools.count(1)
        self.count = 0
        """How many images are published."""

    def begin(self, count: int) -> list[int]:
        """Return numbers for so many images."""
        numbers = list(itertools.islice(self._numbers, count))
        for number in numbers:
            if number % RESERVED == 1:
                self._write("reserved", [number + RESERVED - 1])
        return numbers

    def published(self, numbers: Sequence[int]) -> None:
        """Say that these were published: the call that sends them has returned."""
        self._write("published", numbers)
        self.count += len(numbers)  # a few less if threads meet here

    def doubtful(self, numbers: Iterable[int]) -> None:
        """Say that the call that sends these was interrupted: they may be published or not."""
        self._write("doubtful", numbers)

    def dropped(self, counts: Mapping[str, int]) -> None:
        """Say how many images each policy has dropped so far."""
        for policy, count in counts.items():
            self._write(f"dropped {policy}", [count])

    def ended(self, left: int) -> None:
        """Say that the worker ended in order, and how many images it says were not adopted."""
        self._write("ended", [left])

    def _write(self, word: str, numbers: Iterable[int]) -> None:
        os.write(self._file, "".join(f"{word} {number}\n" for number in numbers).encode())


@dataclass
class Told:
    """What a worker's log says."""

    reserved: int = 0
    published: set[int] = field(default_factory=set)
    doubtful: set[int] = field(default_factory=set)
    dropped: dict[str, int] = field(default_factory=dict)
    left: int | None = None
    """What the worker still owed when it ended in order; None if it was killed."""


def read_ledger(path: Path) -> Told:
    """Return what a worker's log says."""
    told = Told()
    for words in _lines(path):
        match words:
            case ["reserved", number]:
                told.reserved = max(told.reserved, int(number))
            case ["published", number]:
                told.published.add(int(number))
            case ["doubtful", number]:
                told.doubtful.add(int(number))
            case ["dropped", policy, count]:
                told.dropped[policy] = int(count)
            case ["ended", left]:
                told.left = int(left)
            case _:
                raise ValueError(f"no line of a ledger: {words!r} ({path})")
    told.doubtful -= told.published
    return told


class Diary:
    """A viewer's log of what it adopted, each line written before the release goes out."""

    def __init__(self, path: Path) -> None:
        self._file = _append_to(path)

    def adopted(self, name: Name, *, is_whole: bool) -> None:
        """Say that this image is in the store, and whether its pixels are what they should be."""
        self._write("adopted" if is_whole else "corrupt", name)

    def misplaced(self, name: Name) -> None:
        """Say that this image came with another one's address."""
        self._write("misplaced", name)

    def _write(self, word: str, name: Name) -> None:
        os.write(self._file, f"{word} {name.worker} {name.number}\n".encode())


def read_diary(path: Path) -> Iterator[tuple[str, Name]]:
    """Yield what a viewer wrote, in order: ``adopted``, ``corrupt`` or ``misplaced``, and of which image."""
    for word, worker, number in _lines(path):
        yield word, Name(int(worker), int(number))


def _append_to(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _lines(path: Path) -> Iterator[list[str]]:
    for line in path.read_text("ascii").splitlines():
        yield line.split()
