"""Spare viewers: one that waits, hidden and primed, is taken instead of starting a viewer.

There is one per user, screen and command, kept by processes that have ``HCS_VIEWER_SPARE=1``. A spare that
does not answer at once is left alone, and a viewer is started as ever.
"""

import contextlib
import hashlib
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from hcs_protocol import (
    MAX_SPARE_LINE_NBYTES,
    SPARE_TAKEN,
    ConnectionFileError,
    HcsError,
    SpareRequest,
    decode_spare_offer,
    encode_spare,
    private_folder,
    runtime_folders,
)

from ._logs import spares_output_path
from ._private_files import open_private
from ._processes import KnownProcess, adopt_child, in_forked_child

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # the checker has the module

logger = logging.getLogger(__name__)

SPARE = "HCS_VIEWER_SPARE"
SETTING_PREFIX = "HCS_"
ANSWER_SECONDS = 1.0
"""How long a spare may need to answer: it has nothing else to do, but the machine may."""
SETTLE_SECONDS = 5.0
"""How long a new spare leaves the processor to what has just got a viewer."""
LONGEST_PATH = 100
"""Of a socket; systems allow 104 bytes and more."""
MATCHING = (
    "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "HOME", "PATH", "TMPDIR", "TZ", "LANG", "LANGUAGE",
    "VIRTUAL_ENV", "CONDA_PREFIX", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME",
    "XDG_STATE_HOME", "XDG_SESSION_TYPE",
)  # fmt: skip
MATCHING_PREFIXES = ("LC_", "LD_", "DYLD_", "PYTHON", "QT_", "NAPARI_", "LIBGL_", "MESA_", "GALLIUM_")
"""Variables that a spare has read by the time it is taken; it is told those that begin with ``HCS_`` then."""

NEW_SECONDS = 3.0
"""How long a spare that was started may need to lock its place; the lock file is as old as it is."""

_started: dict[Path, "subprocess.Popen[bytes]"] = {}
"""The last spare that this process started for each place."""
_left: set[Path] = set()
"""Places whose spare this process has taken: it may not have let go of them yet."""
_taken: list["TakenProcess"] = []
_lock = threading.Lock()


class TakenProcess:
    """A viewer's process that another process has started; what `subprocess.Popen` says of one's own."""

    def __init__(self, pid: int, spare: socket.socket, stdin: int | None) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin = None if stdin is None else open(stdin, "wb")  # noqa: SIM115  # until the viewer has ended
        self._known = KnownProcess.of(pid)
        self._spare = spare
        _taken.append(self)

    def poll(self) -> int | None:
        """Return its exit status, None while it runs."""
        if self.returncode is None and not self._known.is_alive:
            self.returncode = self._status()
            self.let_go()
        return self.returncode

    def let_go(self) -> None:
        """Close what this process has of it; a second time is harmless."""
        self._spare.close()
        if self.stdin:
            self.stdin.close()
        if self in _taken:
            _taken.remove(self)

    def kill(self) -> None:
        """End it at once."""
        self._known.end("kill")

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        limit = float("inf") if timeout is None else timeout
        if not self._known.is_gone_within(limit):
            raise subprocess.TimeoutExpired("spare", limit)
        return self.poll() or 0

    def _status(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            return int(self._spare.recv(16))
        return 1  # it had no time to say it


def wants_spare(environ: Mapping[str, str] = os.environ) -> bool:
    """Say whether processes with these variables keep a spare."""
    return environ.get(SPARE) == "1"


def take_spare(
    program: Sequence[str],
    arguments: Sequence[str],
    *,
    output: int,
    pipe: bool = False,
    inherited: int | None = None,
    environ: Mapping[str, str] = os.environ,
) -> TakenProcess | None:
    """Return a viewer with these arguments that was a spare until now; None if there is none, at once.

    Args:
        program: What would start one.
        arguments: Of its command line.
        output: The file that takes what it prints.
        pipe: Whether its standard input is a pipe, ``.stdin``; else it is empty.
        inherited: A further file descriptor that it gets.
        environ: What it would have been started with.
    """
    place = None if environ.get(SPARE) == "0" else place_of_spare(program, environ)
    if place is None or not place.exists():
        return None
    settings = {name: value for name, value in environ.items() if name.startswith(SETTING_PREFIX)}
    request = SpareRequest(arguments=list(arguments), settings=settings, folder=os.getcwd())
    reads, writes = os.pipe() if pipe else (os.open(os.devnull, os.O_RDONLY), None)
    spare = socket.socket(socket.AF_UNIX)
    try:
        spare.settimeout(ANSWER_SECONDS)
        spare.connect(str(place))
        files = [reads, output] if inherited is None else [reads, output, inherited]
        pid = _agree(spare, request, files)
    except (OSError, HcsError) as error:
        logger.debug("no spare place=%s reason=%s", place, error)
        spare.close()
        if writes is not None:
            os.close(writes)
        return None
    finally:
        os.close(reads)
    _left.add(place)
    _started.pop(place, None)
    return TakenProcess(pid, spare, writes)


def keep_spare(
    program: Sequence[str], *, settle: float = SETTLE_SECONDS, environ: Mapping[str, str] = os.environ
) -> bool:
    """Start a spare unless there is one; says whether there is one now, or will be.

    Args:
        program: What starts a viewer.
        settle: Seconds until it begins.
        environ: What it gets.
    """
    place = place_of_spare(program, environ)
    if place is None:
        return False
    with _lock:
        before = _started.get(place)
        if before and (before.poll() or 0) > 0:
            return False  # this command knows nothing of spares
        if place not in _left and _is_there(place):
            return True
        _left.discard(place)
        command = [*program, "--spare", str(place), "--settle", str(settle)]
        with contextlib.suppress(OSError), open(spares_output_path(), "wb", opener=open_private) as output:
            _lock_file(place).touch(mode=0o600)
            child = subprocess.Popen(
                command,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            adopt_child(child)
            _started[place] = child
            return True
    return False


def _agree(spare: socket.socket, request: SpareRequest, files: list[int]) -> int:
    """Ask, be offered the spare, take it; returns its pid.

    Raises:
        OSError: It is not there, or says nothing.
        HcsError: It says something else.
    """
    socket.send_fds(spare, [encode_spare(request)], files)
    line = b""
    while not line.endswith(b"\n") and len(line) < MAX_SPARE_LINE_NBYTES:
        received = spare.recv(MAX_SPARE_LINE_NBYTES)
        if not received:
            raise ConnectionError("somebody else has taken it")
        line += received
    offer = decode_spare_offer(line)
    spare.sendall(SPARE_TAKEN)
    return offer.pid


def place_of_spare(program: Sequence[str], environ: Mapping[str, str]) -> Path | None:
    """Return where the spare of this program and environment has its socket; None where there can be none."""
    if sys.platform == "win32" or not hasattr(socket, "AF_UNIX"):
        return None
    try:
        folder = private_folder(runtime_folders(environ))
    except ConnectionFileError as error:
        logger.debug("no place for a spare reason=%s", error)
        return None
    matching = {
        name: value
        for name, value in environ.items()
        if name in MATCHING or name.startswith(MATCHING_PREFIXES)
    }
    whole = json.dumps([version("hcs-stream"), list(program), sorted(matching.items())])
    place = folder / f"spare-{hashlib.sha256(whole.encode()).hexdigest()[:16]}"
    return place if len(os.fsencode(place)) <= LONGEST_PATH else None


def _is_there(place: Path) -> bool:
    """Say whether a spare has this place, be it primed or not, or was started for it a moment ago."""
    if sys.platform == "win32":
        return False
    try:
        descriptor = os.open(_lock_file(place), os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return 0 <= time.time() - os.fstat(descriptor).st_mtime < NEW_SECONDS
    except OSError:
        return True
    finally:
        os.close(descriptor)


def _lock_file(place: Path) -> Path:
    return place.with_name(f"{place.name}.lock")


@in_forked_child
def _forget_spares() -> None:
    global _lock
    _lock = threading.Lock()
    _started.clear()
    _left.clear()
    for taken in list(_taken):
        taken.let_go()  # the parent's; the viewer would live for its child
