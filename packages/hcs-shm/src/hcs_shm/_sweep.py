"""Segments of all processes of this user, and the removal of those whose owner is gone."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from ._header import Kind, UnknownFormatError
from ._journal import SlotState
from ._medium import segment_folders
from ._platform import boot_id
from ._segment import NEW, OWN_NAME, open_table, owner_is_gone

GRACE_SECONDS = 3600.0
_NEW_SECONDS = 60.0
_KINDS: dict[Kind, Literal["memory", "disk"]] = {Kind.MEMORY: "memory", Kind.DISK: "disk"}


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundSegment:
    """A segment that some process of this user made."""

    path: Path
    kind: Literal["memory", "disk", "damaged"]
    """Where its pixels lie; of a damaged one nothing can be read."""
    nbytes: int
    lent: int
    """Blocks lent."""
    owed: int
    """Blocks lent whose images somebody is still owed."""
    recorded_at: float
    """When the last image that is owed was recorded, in seconds since 1970; 0.0 if there is none."""
    owner_alive: bool

    @property
    def name(self) -> str:
        """What messages call this segment."""
        return self.path.name


class _Seen(NamedTuple):
    found: FoundSegment
    boot_id: str = ""
    uptime: int = 0
    """Of the last image that is owed."""


def list_segments(folders: Sequence[Path] | None = None) -> list[FoundSegment]:
    """Return all segments of this user, sorted by name within each folder.

    Args:
        folders: Where to look; else where pools of this process would put them.
    """
    found = []
    for path in _paths(folders):
        with contextlib.suppress(OSError, UnknownFormatError), owner_is_gone(path, shared=True) as gone:
            seen = _look_at(path, owner_alive=not gone)
            found += [seen.found] if seen is not None else []
    return found


def sweep(
    folders: Sequence[Path] | None = None,
    *,
    grace_seconds: float = GRACE_SECONDS,
    clock: Callable[[], float] = time.time,
    uptime: Callable[[], float] = time.monotonic,
) -> list[FoundSegment]:
    """Remove the segments whose owner is gone and that owe nothing, and return them.

    Args:
        folders: Where to look; else where pools of this process would put them.
        grace_seconds: After so long an image that is still owed keeps its segment no more, nor does damage.
        clock: Returns the seconds since 1970. It may jump: where boots have names, it judges only files of
            which nothing can be read.
        uptime: Returns the seconds since boot. What was recorded before it was recorded at boot: while a
            machine is off no viewer can come.
    """
    removed = []
    for path in _paths(folders, NEW):
        with contextlib.suppress(OSError), owner_is_gone(path) as gone:
            if gone and clock() - path.stat().st_mtime > _NEW_SECONDS:
                path.unlink()
    for path in _paths(folders):
        with contextlib.suppress(OSError, UnknownFormatError), owner_is_gone(path) as gone:
            seen = _look_at(path, owner_alive=False) if gone else None
            if seen is not None and _may_go(seen, grace_seconds, clock, uptime):
                path.unlink()
                removed.append(seen.found)
    return removed


def _paths(folders: Sequence[Path] | None, suffix: str = "") -> Iterator[Path]:
    for folder in segment_folders() if folders is None else folders:
        yield from sorted(path for path in folder.glob(f"hcs-*{suffix}") if suffix or path.suffix != NEW)


def _look_at(path: Path, *, owner_alive: bool) -> _Seen | None:
    """Count what a segment says; None if it is none of ours."""
    try:
        segment = open_table(path)
    except UnknownFormatError:
        raise
    except ValueError:
        return _damaged(path, owner_alive=owner_alive) if OWN_NAME.fullmatch(path.name) else None
    header, journal = segment.header, segment.journal
    owed = [] if journal.closed else journal.all_owed()[0]
    lent = [index for index in range(header.slot_count) if journal.slot(index).state == SlotState.LENT]
    segment.unmap()  # Windows removes no mapped file
    found = FoundSegment(
        path=path,
        kind=_KINDS[header.kind],
        nbytes=header.nbytes,
        lent=len(lent),
        owed=len(owed),
        recorded_at=max((record.recorded_at for record in owed), default=0) / 1e9,
        owner_alive=owner_alive,
    )
    return _Seen(found, header.boot_id, max((record.uptime for record in owed), default=0))


def _damaged(path: Path, *, owner_alive: bool) -> _Seen:
    nbytes = path.stat().st_size
    return _Seen(
        FoundSegment(
            path=path, kind="damaged", nbytes=nbytes, lent=0, owed=0, recorded_at=0.0, owner_alive=owner_alive
        )
    )


def _may_go(
    seen: _Seen, grace_seconds: float, clock: Callable[[], float], uptime: Callable[[], float]
) -> bool:
    if seen.found.kind != "damaged" and not seen.found.owed:
        return True
    here = boot_id()
    if here and seen.boot_id:
        age = uptime() - (seen.uptime / 1e9 if seen.boot_id == here else 0.0)
    else:
        age = clock() - max(seen.found.recorded_at, seen.found.path.stat().st_mtime)
    return max(age, 0.0) >= grace_seconds  # a clock that was set back makes nothing younger than new
