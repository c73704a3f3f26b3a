"""What is done with a viewer when somebody asks for it: each in a thread of its own, told when it is over."""

import itertools
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from hcs_protocol import Done, HcsError, Shutdown, ViewerStalledError, new_id
from hcs_stream._requests import ask
from hcs_stream._starting import start_viewer
from hcs_stream._viewer import Viewer
from hcs_stream._viewer_kinds import NAPARI
from hcs_stream._whereabouts import is_gone, is_here

from ._remembered import Launched

logger = logging.getLogger(__name__)

START_SECONDS = 60.0
"""A viewer may have to import napari from a cold disk."""
GOODBYE_SECONDS = 10.0
END_SECONDS = 15.0
"""How long a viewer that said goodbye may take to end."""
LATE_SECONDS = 120.0
"""How long after that it may close by itself, as when it had much to draw."""
LOOK_SECONDS = 0.05


class ViewerRemainsError(HcsError, RuntimeError):
    """A viewer did not end."""


class Errands:
    """Runs calls in threads, since any of them may wait."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._threads: list[threading.Thread] = []
        self.is_ending = threading.Event()

    def run(self, call: Callable[[], object], done: Callable[[object, Exception | None], None]) -> None:
        """Call in a thread; then tell, in that thread, what it returned or raised."""
        name = f"hcs-manager-errand-{next(self._numbers)}"
        thread = threading.Thread(target=_run, args=(call, done), name=name, daemon=True)
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def stop(self, timeout: float) -> None:
        """Wait until all are over, for so many seconds at most; those that only wait end at once."""
        self.is_ending.set()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def start(launched: Launched) -> Viewer:
    """Start a viewer and wait until it is ready.

    Raises:
        HcsError: As `hcs_stream.start_viewer`.
    """
    return start_viewer(
        launched.data_port,
        title=launched.title or None,
        viewer_command=launched.command or None,
        kind=launched.kind or NAPARI,
        timeout=START_SECONDS,
    )


def quit_viewer(viewer: Viewer) -> None:
    """Ask a viewer to close, and wait until it is gone.

    Raises:
        ViewerStalledError: It did not say goodbye; nothing was done to it.
        ViewerRemainsError: It said goodbye, and its process is there all the same.
    """
    pid = viewer.connection.pid
    if viewer.is_stopped:
        raise ViewerStalledError(
            f"its process is stopped: 'kill -CONT {pid}' lets it go on, force kill ends it"
        )
    try:
        ask(viewer.connection, Shutdown(id=new_id()), Done, timeout=GOODBYE_SECONDS)
    except ViewerStalledError as error:
        if is_gone(viewer.connection):
            return
        said = f"it did not say goodbye within {GOODBYE_SECONDS:g} s; force kill ends process {pid}"
        raise ViewerStalledError(said) from error
    if is_here(viewer.connection) and not _is_gone_within(viewer, END_SECONDS):
        raise ViewerRemainsError(f"it said goodbye, but process {pid} is still there; force kill ends it")
    viewer.forget()


def closes_late(viewer: Viewer, is_ending: threading.Event) -> bool:
    """Wait for a viewer that did not close in time; say whether it has, and was not ended otherwise."""
    deadline = time.monotonic() + LATE_SECONDS
    while not is_gone(viewer.connection):
        if is_ending.wait(LOOK_SECONDS) or time.monotonic() > deadline:
            return False
    return not viewer.path.exists()  # one that crashes takes no file away


def take_screenshot(viewer: Viewer, path: Path) -> None:
    """Write what a viewer's window looks like to a PNG file."""
    viewer.screenshot(path)


def _is_gone_within(viewer: Viewer, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while not is_gone(viewer.connection):
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def _run(call: Callable[[], object], done: Callable[[object, Exception | None], None]) -> None:
    try:
        result = call()
    except (HcsError, OSError) as error:
        done(None, error)
    except Exception as error:  # the thread's outermost loop: whoever asked waits to be told
        logger.exception("errand failed")
        done(None, error)
    else:
        done(result, None)
