"""Every difference between operating systems: files, locks, processes, forks."""

import errno
import os
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # the checker has the module

SHARED_MEMORY = Path(os.path.realpath("/dev/shm"))  # some systems link it to /run/shm
NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, errno.ENOMEM, getattr(errno, "EDQUOT", errno.ENOSPC)})

_BINARY = getattr(os, "O_BINARY", 0)
_CAREFUL = _BINARY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_ZEROS = bytes(1 << 20)
_UNKNOWN = 0
_ENDED = frozenset("ZX")  # what is left of a process until its parent looks
_moving = threading.Lock()  # where reads and writes cannot say where


def open_new(path: Path) -> int:
    """Create a file that only this user can open, and return its descriptor."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)


def open_existing(path: Path, *, writable: bool = False) -> int:
    """Open a file: no link, and no pipe that would wait for its other end.

    Raises:
        PermissionError: It is no plain file, another user's, or open to others.
    """
    descriptor = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | _CAREFUL)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and _is_ours(found) and not _mode(found) & 0o077:
        return descriptor
    os.close(descriptor)
    raise PermissionError(errno.EPERM, "wanted a plain file of this user with mode 0600", str(path))


def make_private_folder(folder: Path) -> None:
    """Make sure of a folder in which no other user can rename or remove our files.

    Raises:
        PermissionError: Other users can.
    """
    if folder != SHARED_MEMORY:  # which is the system's to make
        if not folder.parent.is_dir():
            make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    if not may_be_private(folder):
        raise PermissionError(errno.EPERM, "wanted a folder of this user, closed to others", str(folder))


def may_be_private(folder: Path) -> bool:
    """Say whether a folder is one of `make_private_folder`, or not there yet."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    is_closed = _is_ours(found) and not _mode(found) & 0o022
    return stat.S_ISDIR(found.st_mode) and (is_closed or _is_for_all(found, folder))


def reserve(descriptor: int, nbytes: int) -> None:
    """Give an empty file its room, so that a full device is an error now and no SIGBUS later."""
    allocate = getattr(os, "posix_fallocate", None)
    try:
        if allocate is not None:
            allocate(descriptor, 0, nbytes)
            return
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:
            raise
    left = nbytes
    while left:
        left -= os.write(descriptor, _ZEROS[:left])
    os.lseek(descriptor, 0, os.SEEK_SET)


def write_at(descriptor: int, pixels: memoryview, offset: int) -> None:
    """Write all these bytes at this place of a file.

    Raises:
        OSError: Not all of them could be written.
    """
    while pixels.nbytes:
        written = _write_at(descriptor, pixels, offset)
        pixels, offset = pixels[written:], offset + written


def read_at(descriptor: int, offset: int, nbytes: int) -> memoryview:
    """Return so many bytes from this place of a file.

    Raises:
        OSError: There are not so many.
    """
    pixels = memoryview(bytearray(nbytes))
    done = 0
    while done < nbytes:
        read = _read_at(descriptor, pixels[done:], offset + done)
        if not read:
            raise OSError(errno.EIO, "the file is shorter than it was")
        done += read
    return pixels


def has_locks() -> bool:
    """Say whether a lock on a file proves that its owner lives."""
    return fcntl is not None


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock a file until the descriptor is closed; say whether nobody else has it."""
    if sys.platform == "win32" or fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def boot_id() -> str:
    """Return what this boot of the machine is called, or an empty text."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def process_is_alive(pid: int, start: int, boot: str) -> bool:
    """Say whether the process with this pid is the one that began then, in that boot."""
    now = process_start(pid)
    return now is not None and boot in {boot_id(), ""} and (start == now or _UNKNOWN in {start, now})


def process_start(pid: int) -> int | None:
    """Return when a process began, in its system's ticks: 0 if that is not told, None if it is gone."""
    if sys.platform == "win32":
        return _windows_process_start(pid)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return None if fields[0] in _ENDED else int(fields[19])
    except OSError:
        return _UNKNOWN if _exists(pid) else None


def at_fork(
    *,
    before: Callable[[], object] = lambda: None,
    in_parent: Callable[[], object] = lambda: None,
    in_child: Callable[[], object],
) -> None:
    """Call these around each fork, where there are forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def _is_for_all(found: os.stat_result, folder: Path) -> bool:
    """Say whether nobody but its owner removes another's files there, and that one is to be trusted."""
    is_trusted = found.st_uid in {0, os.getuid()} or not folder.parent.stat().st_mode & 0o022
    return bool(found.st_mode & stat.S_ISVTX) and is_trusted


def _is_ours(found: os.stat_result) -> bool:
    return sys.platform == "win32" or found.st_uid == os.getuid()


def _mode(found: os.stat_result) -> int:
    return 0 if sys.platform == "win32" else stat.S_IMODE(found.st_mode)  # there, access lists decide


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _write_at(descriptor: int, pixels: memoryview, offset: int) -> int:
    if hasattr(os, "pwrite"):
        return os.pwrite(descriptor, pixels, offset)
    with _moving:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, pixels)


def _read_at(descriptor: int, pixels: memoryview, offset: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [pixels], offset)
    with _moving:
        os.lseek(descriptor, offset, os.SEEK_SET)
        piece = os.read(descriptor, pixels.nbytes)
    pixels[: len(piece)] = piece
    return len(piece)


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    def _windows_process_start(pid: int) -> int | None:
        query, running = 0x1000, 259
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        opened: int | None = kernel.OpenProcess(query, False, pid)
        if opened is None:
            return None
        process = wintypes.HANDLE(opened)
        code, times = wintypes.DWORD(), [wintypes.FILETIME() for _ in range(4)]
        kernel.GetExitCodeProcess(process, ctypes.byref(code))
        kernel.GetProcessTimes(process, *(ctypes.byref(time) for time in times))
        kernel.CloseHandle(process)
        start: int = times[0].dwHighDateTime << 32 | times[0].dwLowDateTime
        return start if code.value == running else None
