"""An ssh that runs as long as this process wants it, and no longer; and one that runs once."""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO

from hcs_protocol._errors import TunnelError

from ._place import SSH

KEPT_LINES = 200
END_SECONDS = 5.0
LOOK_SECONDS = 0.5
GUARD = str(Path(__file__).with_name("_guard.py"))
HOW_TO_INSTALL = (
    "install OpenSSH: 'sudo apt-get install openssh-client', on Windows 'OpenSSH Client' among the optional "
    f"features; or say where it is, {SSH}=/path/to/ssh"
)

if sys.platform == "win32":
    NO_WINDOW = subprocess.CREATE_NO_WINDOW
else:
    NO_WINDOW = 0


def run_ssh(
    command: list[str], *, timeout: float, is_over: Callable[[], bool] = lambda: False
) -> "subprocess.CompletedProcess[bytes]":
    """Run ssh until it ends, and no longer than this process.

    Args:
        command: Its command line, of `SshPlace.command`.
        timeout: Seconds that it may take.
        is_over: Says, when asked from time to time, that nobody waits for it any more.

    Raises:
        TunnelError: There is no ssh, it takes longer, or nobody waits for it.
    """
    deadline = time.monotonic() + timeout
    with _guarded(command) as guard, contextlib.ExitStack() as lifeline:
        if guard.stdin:
            lifeline.enter_context(guard.stdin)
            guard.stdin = None  # or `communicate` would close it, and so end the guard
        while not is_over():
            with contextlib.suppress(subprocess.TimeoutExpired):
                said = guard.communicate(timeout=LOOK_SECONDS)
                return subprocess.CompletedProcess(command, guard.returncode, *said)
            if time.monotonic() > deadline:
                raise TunnelError(f"{command[0]} was not done within {timeout:g} s: is the link very slow?")
    raise TunnelError(f"{command[0]} was ended: nobody waited for it any more")


class SshProcess:
    """A child with a guard that ends it when this process ends, however that happens."""

    def __init__(self, command: list[str], adopt: Callable[["subprocess.Popen[bytes]"], None]) -> None:
        """Start it.

        Args:
            command: Its command line, of `SshPlace.command`.
            adopt: Is given the child, for what forked children of this process must not keep.

        Raises:
            TunnelError: There is no ssh.
        """
        self._child = _guarded(command)
        adopt(self._child)
        self._news = threading.Condition()
        self._said: deque[str] = deque(maxlen=KEPT_LINES)
        self._unread = 2
        for pipe in (self._child.stdout, self._child.stderr):
            threading.Thread(target=self._read, args=(pipe,), name="hcs-ssh", daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the guard."""
        return self._child.pid

    @property
    def said(self) -> str:
        """The last lines that it, and what runs at the other end, wrote."""
        with self._news:
            return "\n".join(self._said)

    @property
    def has_ended(self) -> bool:
        """Whether it is over, and all that it wrote is read."""
        with self._news:
            return not self._unread

    def status(self) -> int | None:
        """Return the exit status of one that has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._child.wait(END_SECONDS)
        return None

    def write(self, data: bytes) -> None:
        """Write to what runs at the other end; what has ended gets nothing."""
        if self._child.stdin:
            with contextlib.suppress(OSError, ValueError):
                self._child.stdin.write(data)
                self._child.stdin.flush()

    def wait(self, is_there: Callable[[str], bool], timeout: float, look_seconds: float = 1.0) -> bool:
        """Wait until something is the case, it ends or time is over.

        Args:
            is_there: Is given what was said; asked when there is more, and from time to time.
            timeout: Seconds.
            look_seconds: From one time to the next.

        Returns:
            Whether it is the case.
        """
        deadline = time.monotonic() + timeout
        while not is_there(self.said):
            with self._news:
                left = deadline - time.monotonic()
                if not self._unread or left <= 0:
                    return False
                self._news.wait(min(left, look_seconds))
        return True

    def wait_for_end(self, timeout: float) -> bool:
        """Wait so many seconds for its end; say whether it came."""
        with self._news:
            return self._news.wait_for(lambda: not self._unread, timeout)

    def close(self) -> None:
        """End it; a second time is harmless."""
        if self._child.stdin:
            with contextlib.suppress(OSError, ValueError):
                self._child.stdin.close()
        try:
            self._child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self.wait_for_end(END_SECONDS)

    def _read(self, pipe: IO[bytes] | None) -> None:
        if pipe is not None:
            with pipe:
                for line in pipe:
                    with self._news:
                        self._said.append(line.decode("utf-8", "replace").rstrip())
                        self._news.notify_all()
        with self._news:
            self._unread -= 1
            self._news.notify_all()


def _guarded(command: list[str]) -> "subprocess.Popen[bytes]":
    """Start a command that ends as soon as what it reads from is closed, which this process does by its end.

    Raises:
        TunnelError: There is no such program.
    """
    if shutil.which(command[0]) is None:
        raise TunnelError(f"wanted {command[0]!r}, found no such program; {HOW_TO_INSTALL}")
    return subprocess.Popen(
        [sys.executable, "-I", "-S", GUARD, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
        start_new_session=True,  # so that it cannot ask on the terminal, nor hear Ctrl-C
        creationflags=NO_WINDOW,
    )


def _environment() -> dict[str, str]:
    """Return this process's, less what would let ssh ask in a window."""
    return os.environ | {"SSH_ASKPASS_REQUIRE": "never"}
