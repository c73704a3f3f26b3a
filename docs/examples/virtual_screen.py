"""A screen for machines without one."""

import os
import subprocess
import sys


def has_screen() -> bool:
    """Say whether windows can open; only Linux may lack a screen."""
    names = ("DISPLAY", "WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in names)


def a_screen() -> str:
    """Start a virtual screen, which stays until `end_screens`, and make it this process's display."""
    reads, writes = os.pipe()
    command = ["Xvfb", "-displayfd", str(writes), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"]
    quiet = subprocess.DEVNULL  # it may outlive this process, whose output somebody waits for
    screen = subprocess.Popen(
        [*command, "-noreset"],
        pass_fds=[writes],
        start_new_session=True,
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
    )
    os.close(writes)
    with os.fdopen(reads) as number:
        os.environ["DISPLAY"] = f":{number.readline().strip()}"
    _screens.append(screen)
    return os.environ["DISPLAY"]


def end_screens() -> None:
    """End the virtual screens that this process started, when nothing is shown there any more."""
    while _screens:
        screen = _screens.pop()
        screen.terminate()
        screen.wait()


_screens: list["subprocess.Popen[bytes]"] = []
