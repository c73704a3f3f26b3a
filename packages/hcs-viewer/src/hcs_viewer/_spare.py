"""The door of a spare viewer: a socket of this user's, at which somebody who wants a viewer takes it.

Whoever holds the lock beside it is the spare of this place, there or about to be; nobody listens before it is
primed, so that nobody waits for one that is not.
"""

import contextlib
import logging
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from hcs_protocol import (
    MAX_SPARE_FILES,
    MAX_SPARE_LINE_NBYTES,
    SPARE_TAKEN,
    HcsError,
    SpareOffer,
    SpareRequest,
    decode_spare_request,
    encode_spare,
)

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 1.0
LOCKING_SECONDS = 2.0
"""A spare that has just been taken lets go of its place, and so does who looks whether there is one."""
LIFETIME_SECONDS = 3600.0
PREFIX, LOCK_SUFFIX = "spare-", ".lock"
SETTING_PREFIX = "HCS_"
OUR_PACKAGES = ("hcs_protocol", "hcs_shm", "hcs_viewer")


@dataclass(frozen=True)
class Taken:
    """What a spare is to be, for whom."""

    request: SpareRequest
    files: list[int]
    """Standard input, standard output, and perhaps one that is to stay open."""
    taker: socket.socket
    """Who is told the exit status."""


class Door:
    """Where one spare can be taken, once."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        code: Callable[[], object] | None = None,
    ) -> None:
        """Make it; nobody can come before it is opened.

        Args:
            path: Of the socket, in a folder of this user's alone.
            clock: Says when nobody came for long enough.
            code: Returns something that changes when other code would be started; else our files' times.
        """
        self._path = path
        self._clock = clock
        self._find_code = code or installed
        self._began, self._code = clock(), self._find_code()
        self._socket: socket.socket | None = None

    def open(self) -> int:
        """Let takers come from now on, and return the descriptor that can be read when one does.

        Raises:
            OSError: There is no such place for a socket.
        """
        if not hasattr(socket, "recv_fds"):
            raise OSError("this system has no sockets that pass files on: no spare viewers")
        self._path.unlink(missing_ok=True)  # left by one that was killed: this one has the lock
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self._path))
        self._path.chmod(0o600)
        self._socket.listen()
        self._socket.setblocking(False)
        return self._socket.fileno()

    def close(self) -> None:
        """Let nobody come any more; a second time is harmless."""
        found, self._socket = self._socket, None
        if found is not None:
            self._path.unlink(missing_ok=True)
            found.close()

    @property
    def is_over(self) -> bool:
        """Whether there is no point in waiting on: for too long nobody came, or nobody can."""
        too_late = self._clock() - self._began > LIFETIME_SECONDS
        return too_late or not self._path.exists() or not self._is_current

    def answer(self) -> Taken | None:
        """Talk to who came; returns what this spare is to be, None if it is not wanted after all."""
        if self._socket is None:
            return None
        with contextlib.suppress(OSError):
            taker, _ = self._socket.accept()
            taker.settimeout(ANSWER_SECONDS)
            files: list[int] = []
            try:
                if _is_this_users(taker) and self._is_current:
                    return Taken(_agree(taker, files), files, taker)
            except (OSError, HcsError, ValueError) as error:
                logger.warning("spare not taken reason=%s", error)
            for file in files:
                os.close(file)
            taker.close()
        return None

    @property
    def _is_current(self) -> bool:
        return self._code == self._find_code()


def installed() -> object:
    """Return which files of our packages are there, and since when."""
    packages = [sys.modules[name].__file__ for name in OUR_PACKAGES if name in sys.modules]
    files = [file for package in packages if package for file in Path(package).parent.glob("*.py")]
    try:
        return [(str(file), file.stat().st_mtime_ns) for file in sorted(files)]
    except OSError:  # one is being replaced
        return None


@contextlib.contextmanager
def only_spare(path: Path) -> Iterator[bool]:
    """Be the only spare of this place meanwhile; yields whether it is, and sweeps what others left."""
    lock = _lock(path)
    try:
        lock.acquire(LOCKING_SECONDS)
    except (Timeout, OSError, NotImplementedError):
        yield False
        return
    try:
        _sweep(path)
        yield True
    finally:
        lock.release()


def become(taken: Taken) -> None:
    """Be in this process's place what would have been started: its files, variables and folder."""
    stdin, stdout, *_ = taken.files
    for here, there in ((stdin, 0), (stdout, 1), (stdout, 2)):
        os.dup2(here, there)
    os.close(stdin)
    os.close(stdout)
    for name in [name for name in os.environ if name.startswith(SETTING_PREFIX)]:
        del os.environ[name]
    os.environ.update(taken.request.settings)
    with contextlib.suppress(OSError):
        os.chdir(taken.request.folder)


def say_status(taken: Taken, status: int) -> None:
    """Tell the taker how the viewer ended, if it still cares."""
    with contextlib.suppress(OSError):
        taken.taker.sendall(b"%d\n" % status)
    taken.taker.close()


def _agree(taker: socket.socket, files: list[int]) -> SpareRequest:
    """Hear what is wanted, offer to be it, and be taken.

    Raises:
        OSError: The taker says nothing more.
        HcsError: It says something else.
        ValueError: The same.
    """
    line = b""
    while not line.endswith(b"\n") and len(line) < MAX_SPARE_LINE_NBYTES:
        received, more, _, _ = socket.recv_fds(taker, MAX_SPARE_LINE_NBYTES, MAX_SPARE_FILES)
        files += more
        if not received:
            raise ConnectionError("the taker has gone")
        line += received
    request = decode_spare_request(line)
    if len(files) < 2:
        raise ValueError(f"wanted standard input and output, found {len(files)} files")
    taker.sendall(encode_spare(SpareOffer(pid=os.getpid())))
    if taker.recv(len(SPARE_TAKEN)) != SPARE_TAKEN:
        raise ConnectionError("the taker went elsewhere")
    return request


def _is_this_users(taker: socket.socket) -> bool:
    """Say whether the other end is this user, where that can be known beside the folder's mode."""
    if sys.platform != "linux":
        return True
    found = taker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", found)
    return bool(user == os.getuid())


def _lock(path: Path) -> FileLock:
    return FileLock(path.with_name(path.name + LOCK_SUFFIX), timeout=0, mode=0o600)


def _sweep(path: Path) -> None:
    """Remove the sockets and locks of spares that were killed."""
    for lock in path.parent.glob(f"{PREFIX}*{LOCK_SUFFIX}"):
        door = lock.with_name(lock.name.removesuffix(LOCK_SUFFIX))
        if door != path:
            with contextlib.suppress(Timeout, OSError, NotImplementedError), _lock(door):
                door.unlink(missing_ok=True)
                lock.unlink(missing_ok=True)
