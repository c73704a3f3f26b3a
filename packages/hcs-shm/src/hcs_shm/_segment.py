"""One file with slots: create, open read-only, remove."""

import contextlib
import errno
import mmap
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np

from ._header import HEADER, Header, Kind
from ._huge_pages import map_aligned, use_huge_pages
from ._journal import Journal
from ._left_segment import write_again
from ._locks import hold_lock, let_go, probed
from ._platform import (
    has_locks,
    make_private_folder,
    open_existing,
    open_new,
    process_is_alive,
    read_at,
    reserve,
    write_at,
)

NEW = ".new"
NAME = re.compile(r"hcs-[0-9A-Za-z.-]{1,96}")
OWN_NAME = re.compile(r"hcs-[0-9]+-[0-9a-f]{8}")
"""What this version calls its segments."""

_NO_FILE = -1

_own: "WeakValueDictionary[int, OwnSegment]" = WeakValueDictionary()
"""By identity of the mapping, which every view of its memory knows."""


class Segment:
    """A mapped segment: its owner's is writable, everybody else's is not."""

    def __init__(self, path: Path, memory: mmap.mmap, contents: memoryview, header: Header) -> None:
        self.path = path
        self.name = path.name
        """What messages call this segment."""
        self.journal = Journal(contents, header)
        self._memory = memory
        self.contents = contents
        """All bytes of the file; a slice keeps the mapping alive."""

    @property
    def header(self) -> Header:
        """What the segment says about itself."""
        return self.journal.header

    def view(self, offset: int, nbytes: int) -> memoryview:
        """Return these bytes; the view keeps the mapping alive."""
        return self.contents[offset : offset + nbytes]

    def drop_pages(self) -> None:
        """Map no page until it is read again; only for who does not write."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._memory.madvise(mmap.MADV_DONTNEED)

    def unmap(self) -> None:
        """Unmap the file, as soon as nobody looks at it; a second time is harmless."""
        self.journal.let_go()
        self.contents.release()
        with contextlib.suppress(BufferError):  # the last view to go unmaps it
            self._memory.close()


class OwnSegment(Segment):
    """A segment that this process created; of one on disk only header and table are mapped.

    A disk's pixels are written and read through its file: to map and write them takes thirty times as long.
    """

    def __init__(
        self, path: Path, memory: mmap.mmap, contents: memoryview, header: Header, lock: int | None
    ) -> None:
        super().__init__(path, memory, contents, header)
        self.lent_when_lost: int | None = None
        """Blocks that are still lent from a segment that lost its name; None if it has one."""
        self.before_unmap: Callable[[bool], None] | None = None
        """Told before the memory goes, and whether none of it is lent any more; set by who has a device write
        there by itself."""
        _own[id(memory)] = self
        self._lock = lock
        self._file = open_existing(path, writable=True) if header.kind == Kind.DISK else _NO_FILE

    @property
    def address(self) -> int:
        """Where in this process's memory it begins."""
        address: int = np.frombuffer(self.contents, np.uint8).__array_interface__["data"][0]
        return address

    def unmap(self, *, is_idle: bool = False) -> None:
        """Unmap the file, as soon as nobody looks at it; a second time is harmless."""
        if self.before_unmap is not None:
            self.before_unmap(is_idle)
            self.before_unmap = None
        super().unmap()

    def write(self, offset: int, pixels: memoryview) -> None:
        """Write these bytes into a file on disk.

        Raises:
            OSError: There is no room after all.
        """
        write_at(self._file, pixels, offset)

    def read(self, offset: int, nbytes: int) -> memoryview:
        """Return a copy of these bytes of a file on disk.

        Raises:
            OSError: They cannot be read.
        """
        return read_at(self._file, offset, nbytes)

    def use_huge_pages(self, is_over: Callable[[], bool]) -> None:
        """Have its memory in huge pages, as far as the system can; its blocks may be in use meanwhile.

        Args:
            is_over: Asked again and again whether to leave the rest as it is.
        """
        if self.header.kind == Kind.MEMORY:
            with contextlib.suppress(ValueError):  # removed already
                use_huge_pages(self.contents[:], is_over)

    def has_lost_its_name(self) -> bool:
        """Say whether somebody removed the file, as systemd does when its user logs out."""
        return self._lock is not None and os.fstat(self._lock).st_nlink == 0

    def remove(self, *, is_idle: bool = False) -> None:
        """Close the journal and remove the file; in a forked child it stays its parent's.

        Args:
            is_idle: Whether none of its blocks is lent, so that no device writes there.
        """
        if self.header.pid != os.getpid():
            return
        self.journal.close()
        self._close_file(is_idle=is_idle)
        with contextlib.suppress(OSError):  # somebody was faster, or Windows and a viewer still looks
            self.path.unlink()
        self.unlock()

    def leave(self) -> None:
        """Let the file lie, as if its owner had died: who is owed its images takes them.

        Raises:
            OSError: Somebody removed the file, and it cannot be written again: nobody will find the images.
        """
        if self.header.pid != os.getpid():
            return
        try:
            if self._lock is not None and self.has_lost_its_name():
                new = _unfinished(self.path)
                write_again(self._lock, new, self.journal)
                new.rename(self.path)
        finally:
            self._close_file()
            self.unlock()

    def _close_file(self, *, is_idle: bool = False) -> None:
        self.unmap(is_idle=is_idle)
        if self._file != _NO_FILE:
            os.close(self._file)
            self._file = _NO_FILE

    def unlock(self) -> None:
        """Close the descriptor whose lock says that the owner lives."""
        if self._lock is not None:
            let_go(self._lock)
            self._lock = None


def segment_of(pixels: memoryview) -> OwnSegment | None:
    """Return this process's segment of which these bytes are a part; None if they are of none."""
    return _own.get(id(pixels.obj))


def create_segment(folder: Path, header: Header) -> OwnSegment:
    """Make a segment with all its room; nobody sees it before it is whole.

    Raises:
        OSError: There is no room for it, or the folder cannot be used.
    """
    make_private_folder(folder)
    if shutil.disk_usage(folder).free < header.nbytes:  # to try would fill the device for a moment
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    path = folder / f"hcs-{header.pid}-{secrets.token_hex(4)}"
    with contextlib.ExitStack() as undo:
        new = _unfinished(path)
        descriptor = open_new(new)
        undo.callback(new.unlink, missing_ok=True)
        try:
            lock = hold_lock(new) if has_locks() else None
            undo.callback(let_go, -1 if lock is None else lock)
            reserve(descriptor, header.nbytes)
            os.write(descriptor, header.pack())
        finally:
            os.close(descriptor)  # Windows renames no open file
        new.rename(path)
        undo.callback(path.unlink, missing_ok=True)
        segment = OwnSegment(path, *_map_own(path, header), header, lock)
        undo.pop_all()
    return segment


def open_segment(path: Path) -> Segment:
    """Map a segment of this user, read-only.

    Raises:
        OSError: There is no such file, or it is a link, another user's or open to others.
        ValueError: It is no whole segment of a format that this version knows.
    """
    descriptor = open_existing(path)
    try:
        header = read_header(descriptor)
        memory, contents = map_aligned(descriptor, header.nbytes, writable=False)
    finally:
        os.close(descriptor)
    return Segment(path, memory, contents, header)


def open_table(path: Path, *, writable: bool = False) -> Segment:
    """Map header and table of a segment of this user, and no pixels.

    Raises:
        OSError: As for `open_segment`.
        ValueError: As for `open_segment`.
    """
    descriptor = open_existing(path, writable=writable)
    try:
        header = read_header(descriptor)
        access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
        memory = mmap.mmap(descriptor, header.slots_offset, access=access)
    finally:
        os.close(descriptor)
    return Segment(path, memory, memoryview(memory), header)


def read_header(descriptor: int) -> Header:
    """Read the header of an open file.

    Raises:
        ValueError: It is no whole segment of a format that this version knows.
    """
    return Header.unpack(os.read(descriptor, HEADER.size), os.fstat(descriptor).st_size)


@contextlib.contextmanager
def owner_is_gone(path: Path, *, shared: bool = False) -> Iterator[bool]:
    """Say whether a file's owner is gone; unless ``shared``, nobody else is told so meanwhile.

    A file without a header, because its making was interrupted, has no owner but the one who locks it.

    Raises:
        OSError: As for `open_segment`.
    """
    if has_locks():
        with probed(path, shared=shared) as gone:
            yield gone
    else:
        yield not _owner_lives(path)


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + NEW)


def _owner_lives(path: Path) -> bool:
    descriptor = open_existing(path)
    try:
        header = read_header(descriptor)
    except ValueError:
        return False
    finally:
        os.close(descriptor)
    return process_is_alive(header.pid, header.start, header.boot_id)


def _map_own(path: Path, header: Header) -> tuple[mmap.mmap, memoryview]:
    descriptor = open_existing(path, writable=True)
    try:
        if header.kind == Kind.DISK:
            memory = mmap.mmap(descriptor, header.slots_offset)
            return memory, memoryview(memory)
        memory, contents = map_aligned(descriptor, header.nbytes, writable=True)
    finally:
        os.close(descriptor)
    slots = np.frombuffer(contents, np.uint8, offset=header.slots_offset)
    slots[:: mmap.PAGESIZE] = 0  # the first touch of a page is what costs
    return memory, contents
