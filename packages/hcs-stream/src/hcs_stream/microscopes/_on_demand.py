"""Sequences whose items are made when they are asked for: a hundred thousand paths would take a while."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar, overload

from hcs_protocol import natural_key

Item_co = TypeVar("Item_co", covariant=True)


class OnDemand(Sequence[Item_co]):
    """A sequence that is equal to a tuple of the same items."""

    def item(self, index: int) -> Item_co:
        """Make one item; the index is from 0."""
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> Item_co: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item_co, ...]: ...
    def __getitem__(self, index: int | slice) -> Item_co | tuple[Item_co, ...]:
        places = range(len(self))[index]  # also refuses an index that is too large
        return self.item(places) if isinstance(places, int) else tuple(map(self.item, places))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self)) if len(self) < 8 else f"<{len(self)} items, the first {self[0]!r}>"


class Paths(OnDemand[Path]):
    """Files in natural order."""

    def __init__(self, files: Sequence[tuple[Path, str]]) -> None:
        """Take each file as its folder and its name."""
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def item(self, index: int) -> Path:
        """Return one path."""
        return self._sorted[index]

    @cached_property
    def _sorted(self) -> tuple[Path, ...]:
        paths = [folder / name for folder, name in self._files]
        return tuple(sorted(paths, key=lambda path: (natural_key(path), path)))
