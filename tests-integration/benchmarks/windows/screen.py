"""A virtual screen for the windows, where there is none."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def a_screen() -> Iterator[None]:
    """Have a screen meanwhile: the one that is there, else one of our own."""
    if os.environ.get("DISPLAY"):
        yield
        return
    reads, writes = os.pipe()
    command = [
        "Xvfb",
        "-noreset",
        "-displayfd",
        str(writes),
        "-screen",
        "0",
        "1600x1200x24",
        "-nolisten",
        "tcp",
    ]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, pass_fds=[writes], stdin=quiet, stdout=quiet, stderr=quiet) as screen:
        os.close(writes)
        try:
            with os.fdopen(reads) as number:
                os.environ["DISPLAY"] = f":{number.readline().strip()}"
            yield
        finally:
            del os.environ["DISPLAY"]
            screen.terminate()
