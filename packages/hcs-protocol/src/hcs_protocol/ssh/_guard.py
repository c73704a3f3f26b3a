"""Run a command that ends with whoever started this: what comes in is passed on, and its end ends both.

A script, ``python -I -S _guard.py COMMAND…``: an ssh alone would live on when its starter is killed.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

END_SECONDS = 2.0
TERMINATE_WHEN_PARENT_ENDS = 1, signal.SIGTERM  # PR_SET_PDEATHSIG, for the case that this guard is killed


def main(command: list[str]) -> int:
    """Run the command and return its exit status."""
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            preexec_fn=_end_with_guard if sys.platform == "linux" else None,  # no other thread runs yet
        )
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
        return 126
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    threading.Thread(target=_pass_on, args=(child,), daemon=True).start()
    return child.wait()


def _end_with_guard() -> None:
    import ctypes  # Linux alone

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(*TERMINATE_WHEN_PARENT_ENDS)


def _pass_on(child: "subprocess.Popen[bytes]") -> None:
    if child.stdin is None:
        return
    with contextlib.suppress(OSError):
        while data := os.read(0, 1 << 16):
            child.stdin.write(data)
            child.stdin.flush()
    with contextlib.suppress(OSError):
        child.stdin.close()
    child.terminate()
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status & 0xFF)  # a thread may wait for what comes in
