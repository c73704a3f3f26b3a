"""The viewer's side: find and adopt what workers that died still owe."""

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hcs_protocol import Destination, OrphanedImage

from ._dead import DeadSegment, Orphan
from ._medium import segment_folders
from ._segment import OWN_NAME, owner_is_gone

logger = logging.getLogger(__name__)


class _File(NamedTuple):
    path: Path
    inode: int


class Orphans:
    """Finds images of dead workers in memory and on disk; cheap while all workers live. For one thread.

    Each dead worker's segment is read once: it is asked for the same destinations ever after.

    Args:
        folders: Where to look; else where pools of this process would put their segments.
    """

    def __init__(self, folders: Sequence[Path] | None = None) -> None:
        self._folders = segment_folders() if folders is None else list(folders)
        self._dead: dict[_File, DeadSegment] = {}
        self._passed: set[_File] = set()
        """Segments of the dead that owe us nothing."""

    def adopt_orphans(
        self, is_ours: Callable[[Destination], bool], adopt: Callable[[OrphanedImage], object]
    ) -> int:
        """Give each image that dead workers owe to one of our destinations to ``adopt``, in their order.

        That is the order in which they were published; where it is not told, in which they were sent, then
        recorded. When ``adopt`` returns, the image is written down as not owed any more. When it raises, that
        image and those behind it stay owed, and the error comes out here. A segment that owes nobody anything
        is removed. Nobody else takes from the same segments meanwhile.

        Returns how many images were adopted.
        """
        adopted = 0
        with contextlib.ExitStack() as claims:
            dead = {
                file: segment for file in self._files() if (segment := self._claim(file, is_ours, claims))
            }
            orphans = [(orphan, segment) for segment in dead.values() for orphan in segment.orphans()]
            try:
                for orphan, segment in sorted(orphans, key=_order):
                    adopt(orphan)
                    segment.settle(orphan)
                    adopted += 1
            finally:
                for file, segment in dead.items():
                    self._leave(file, segment)
        return adopted

    def _files(self) -> list[_File]:
        found = [file for folder in self._folders for file in _segments(folder)]
        self._passed.intersection_update(found)
        for file in self._dead.keys() - found:  # adopted by others
            self._dead.pop(file).close()
        return [file for file in found if file not in self._passed]

    def _claim(
        self, file: _File, is_ours: Callable[[Destination], bool], claims: contextlib.ExitStack
    ) -> DeadSegment | None:
        try:
            with contextlib.ExitStack() as claim:
                if not claim.enter_context(owner_is_gone(file.path)):
                    return None
                if file not in self._dead:
                    self._dead[file] = _read(file.path, is_ours)
                claims.enter_context(claim.pop_all())
                return self._dead[file]
        except ValueError as error:
            logger.warning("segment of a dead worker skipped path=%s (%s)", file.path, error)
            self._passed.add(file)
        except OSError as error:  # removed since; or another user's, who may have left a million of them
            if isinstance(error, PermissionError) and sys.platform != "win32":  # where it passes
                self._passed.add(file)
        return None

    def _leave(self, file: _File, segment: DeadSegment) -> None:
        if not segment.owes:
            segment.remove()
        elif not segment.orphans():
            segment.close()
            self._passed.add(file)
        else:
            return
        del self._dead[file]


def _segments(folder: Path) -> Iterator[_File]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if OWN_NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                yield _File(folder / entry.name, entry.inode())


def _read(path: Path, is_ours: Callable[[Destination], bool]) -> DeadSegment:
    segment = DeadSegment(path, is_ours)
    if segment.damaged:
        facts = path, segment.damaged, segment.problem
        logger.warning("damaged images of a dead worker skipped path=%s images=%d (%s)", *facts)
    if segment.is_of_earlier_boot and (images := len(segment.orphans())):
        advice = "compare them with their files if the power failed: their last pixels may not be on disk"
        logger.warning("images of before this machine started path=%s images=%d; %s", path, images, advice)
    return segment


def _order(found: tuple[Orphan, DeadSegment]) -> tuple[int, int, int]:
    orphan = found[0]
    return (
        orphan.destination.published or sys.maxsize,
        orphan.sequence or sys.maxsize,
        orphan.record.uptime,
    )
