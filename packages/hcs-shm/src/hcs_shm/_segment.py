"""One file of shared memory: create, open read-only, remove."""

import contextlib
import errno
import mmap
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakSet

import numpy as np

from hcs_protocol import runtime_folders

from ._journal import Header, Journal
from ._platform import (
    SHARED_MEMORY,
    has_locks,
    in_forked_child,
    make_private_folder,
    open_existing,
    open_new,
    process_is_alive,
    reserve,
    try_lock,
)

NEW = ".new"
NAME = re.compile(r"hcs-[0-9A-Za-z.-]{1,96}")


class Segment:
    """A mapped segment: its owner's is writable, everybody else's is not."""

    def __init__(self, path: Path, memory: mmap.mmap) -> None:
        self.path = path
        self.memory = memory
        self.journal = Journal(memory)

    @property
    def name(self) -> str:
        """What messages call this segment."""
        return self.path.name

    def view(self, offset: int, nbytes: int) -> memoryview:
        """Return these bytes; the view keeps the mapping alive."""
        return memoryview(self.memory)[offset : offset + nbytes]

    def unmap(self) -> None:
        """Unmap the file, as soon as nobody looks at it."""
        with contextlib.suppress(BufferError):  # the last view to go unmaps it
            self.memory.close()


class OwnSegment(Segment):
    """A segment that this process created."""

    def __init__(self, path: Path, memory: mmap.mmap, lock: int | None) -> None:
        super().__init__(path, memory)
        self._lock = lock
        _own_segments.add(self)

    def remove(self) -> None:
        """Close the journal and remove the file; in a forked child it stays its parent's."""
        if self.journal.header.pid != os.getpid():
            return
        self.journal.close()
        self.unmap()
        with contextlib.suppress(OSError):  # somebody was faster, or Windows and a viewer still looks
            self.path.unlink()
        self.unlock()

    def unlock(self) -> None:
        """Close the descriptor whose lock says that the owner lives; a forked child leaves the lock held."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


_own_segments: WeakSet[OwnSegment] = WeakSet()


def segment_folders() -> list[Path]:
    """Return where segments may lie, the best place first: ``$HCS_SHM_DIR`` alone, if it is set."""
    if chosen := os.environ.get("HCS_SHM_DIR"):
        return [Path(chosen)]
    shared = [SHARED_MEMORY] if os.access(SHARED_MEMORY, os.W_OK) else []
    return [*shared, *runtime_folders()]


def create_segment(folder: Path, header: Header) -> OwnSegment:
    """Make a segment with all its memory; nobody sees it before it is whole.

    Raises:
        OSError: There is no room for it, or the folder cannot be used.
    """
    make_private_folder(folder)
    if shutil.disk_usage(folder).free < header.nbytes:  # to try would fill the device for a moment
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    path = folder / f"hcs-{header.pid}-{secrets.token_hex(4)}"
    with contextlib.ExitStack() as undo:
        new = _write_new(path, header, undo)
        lock = _lock_new(new, undo)
        new.rename(path)
        undo.callback(path.unlink)
        segment = OwnSegment(path, _map(path, writable=True), lock)
        undo.pop_all()
    slots = np.frombuffer(segment.memory, np.uint8, offset=header.slots_offset)
    slots[:: mmap.PAGESIZE] = 0  # the first touch of a page is what costs
    return segment


def open_segment(path: Path) -> Segment:
    """Map a segment of this user, read-only.

    Raises:
        OSError: There is no such file, or it is a link, another user's or open to others.
        ValueError: It is no whole segment of a format that this version knows.
    """
    return Segment(path, _map(path))


@contextlib.contextmanager
def owner_is_gone(path: Path, header: Header | None, *, shared: bool = False) -> Iterator[bool]:
    """Say whether a file's owner is gone; unless ``shared``, nobody else is told so meanwhile.

    A file without a header, because its making was interrupted, has no owner but the one who locks it.
    """
    if not has_locks():
        yield header is None or not process_is_alive(header.pid, header.start, header.boot_id)
        return
    descriptor = open_existing(path)
    try:
        yield try_lock(descriptor, shared=shared) and os.fstat(descriptor).st_nlink > 0
    finally:
        os.close(descriptor)


def _write_new(path: Path, header: Header, undo: contextlib.ExitStack) -> Path:
    new = path.with_name(path.name + NEW)
    descriptor = open_new(new)
    undo.callback(new.unlink, missing_ok=True)
    try:
        reserve(descriptor, header.nbytes)
        os.write(descriptor, header.pack())
    finally:
        os.close(descriptor)  # Windows renames no open file
    return new


def _lock_new(new: Path, undo: contextlib.ExitStack) -> int | None:
    if not has_locks():
        return None
    lock = open_existing(new)  # not the mapping's descriptor: a child closes this one alone
    undo.callback(os.close, lock)
    if not try_lock(lock):
        raise BlockingIOError(errno.EWOULDBLOCK, "somebody locked a new segment", str(new))
    return lock


def _map(path: Path, *, writable: bool = False) -> mmap.mmap:
    descriptor = open_existing(path, writable=writable)
    try:
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ)
    finally:
        os.close(descriptor)


def _unlock_all() -> None:
    for segment in _own_segments:
        segment.unlock()


in_forked_child(_unlock_all)
