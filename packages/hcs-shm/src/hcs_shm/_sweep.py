"""Segments of all processes of this user, and the removal of those whose owner is gone."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ._journal import SlotState
from ._segment import NEW, Segment, open_segment, owner_is_gone, segment_folders

GRACE_SECONDS = 3600.0
_NEW_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundSegment:
    """A segment that some process of this user made."""

    path: Path
    nbytes: int
    lent: int
    """Blocks lent."""
    owed: int
    """Blocks lent whose images the journal knows, so that a viewer may still take them."""
    recorded_at: float
    """When the last image that is owed was recorded, in seconds since 1970; 0.0 if there is none."""
    owner_alive: bool

    @property
    def name(self) -> str:
        """What messages call this segment."""
        return self.path.name

    @classmethod
    def of(cls, segment: Segment, *, owner_alive: bool) -> Self:
        """Count what a segment says."""
        journal = segment.journal
        slots = [journal.committed(index) for index in range(journal.header.slot_count)]
        owed = [slot for slot in slots if slot.descriptor is not None]
        return cls(
            path=segment.path,
            nbytes=journal.header.nbytes,
            lent=sum(slot.state == SlotState.LENT for slot in slots),
            owed=len(owed),
            recorded_at=max((slot.recorded_at for slot in owed), default=0.0),
            owner_alive=owner_alive,
        )


def list_segments(folders: Sequence[Path] | None = None) -> list[FoundSegment]:
    """Return all segments of this user, sorted by name within each folder.

    Args:
        folders: Where to look; else where a `BlockPool` of this process would put them.
    """
    found = []
    for path in _paths(folders):
        with contextlib.suppress(OSError, ValueError), _examined(path, shared=True) as segment:
            found.append(segment)
    return found


def sweep(
    folders: Sequence[Path] | None = None,
    *,
    grace_seconds: float = GRACE_SECONDS,
    clock: Callable[[], float] = time.time,
) -> list[FoundSegment]:
    """Remove the segments whose owner is gone and that owe nothing, and return them.

    Args:
        folders: Where to look; else where a `BlockPool` of this process would put them.
        grace_seconds: After so long an image that is still owed keeps its segment no more.
        clock: Returns the seconds since 1970.
    """
    removed = []
    for path in _paths(folders, NEW):
        with contextlib.suppress(OSError), owner_is_gone(path, None) as gone:
            if gone and clock() - path.stat().st_mtime > _NEW_SECONDS:
                path.unlink()
    for path in _paths(folders):
        with contextlib.suppress(OSError, ValueError), _examined(path) as segment:
            waited = not segment.owed or clock() - segment.recorded_at >= grace_seconds
            if waited and not segment.owner_alive:
                path.unlink()
                removed.append(segment)
    return removed


def _paths(folders: Sequence[Path] | None, suffix: str = "") -> Iterator[Path]:
    for folder in segment_folders() if folders is None else folders:
        yield from sorted(path for path in folder.glob(f"hcs-*{suffix}") if suffix or path.suffix != NEW)


@contextlib.contextmanager
def _examined(path: Path, *, shared: bool = False) -> Iterator[FoundSegment]:
    segment = open_segment(path)
    try:
        with owner_is_gone(path, segment.journal.header, shared=shared) as gone:
            found = FoundSegment.of(segment, owner_alive=not gone)
            segment.unmap()  # Windows removes no mapped file
            yield found
    finally:
        segment.unmap()
