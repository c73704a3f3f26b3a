"""A virtual screen for the windows, where there is none."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def a_screen(*, is_needed: bool) -> Iterator[None]:
    """Have a screen of our own meanwhile, so that no window opens in front of anybody."""
    if not is_needed:
        yield
        return
    reads, writes = os.pipe()
    command = ["Xvfb", "-displayfd", str(writes), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, pass_fds=[writes], stdin=quiet, stdout=quiet, stderr=quiet) as screen:
        os.close(writes)
        try:
            with os.fdopen(reads) as number:
                os.environ["DISPLAY"] = f":{number.readline().strip()}"
            yield
        finally:
            screen.terminate()
