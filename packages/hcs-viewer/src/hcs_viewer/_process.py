"""The viewer as a process: ports first, then the window; its logs, and the ways it ends."""

import contextlib
import errno
import logging
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler

from platformdirs import user_cache_path, user_log_path

from hcs_protocol import (
    BlockOpener,
    ConnectionFileError,
    OrphanFinder,
    new_id,
    private_folder,
    runtime_folders,
)

from ._inbox import ImagesBack, Inbox, ToReceiver, ToWindow
from ._listening import listening
from ._presence import Presence
from ._settings import ViewerSettings
from ._store import Store

if sys.platform != "win32":
    import resource

logger = logging.getLogger(__name__)

LOG_NBYTES = 1 << 20
MOST_FILES = 1 << 14
"""Files that a viewer may have open: thousands of workers have two connections each."""
PARENTS = "HCS_PARENTS"
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"

RunWindow = Callable[[ViewerSettings, Store, Inbox[ToWindow], Inbox[ToReceiver], Presence], None]
"""Opens the window, says ready, and returns when it is closed."""


class PrivateFileHandler(RotatingFileHandler):
    """A log that this user alone can read, also after it was rotated."""

    def _open(self) -> TextIOWrapper:
        os.close(_open_private(self.baseFilename, os.O_WRONLY | os.O_CREAT))
        return super()._open()


def run_viewer(
    settings: ViewerSettings,
    *,
    blocks: BlockOpener,
    orphans: OrphanFinder,
    run_window: RunWindow,
    store: Store | None = None,
) -> None:
    """Run one viewer from its first bound port to its removed connection file.

    Ports are open before the window's toolkit is imported, so images that are sent meanwhile are kept.

    Args:
        settings: Where to listen.
        blocks: Opens what workers lent.
        orphans: Finds what dead workers left.
        run_window: Shows what arrives, and returns when that is over.
        store: Keeps the images; one without limits by default.

    Raises:
        NoFreePortsError: The ports are taken.
        ConnectionFileError: No folder takes the connection file.
    """
    store = Store() if store is None else store
    to_window: Inbox[ToWindow] = Inbox(lambda: None)
    to_receiver: Inbox[ToReceiver] = Inbox(lambda: None)
    presence = Presence(title=settings.title, viewer_run=new_id(), clock=time.monotonic)
    presence.see_window()
    store.start(on_back=lambda looker: to_window.put(ImagesBack(looker)), on_room=to_receiver.wake)
    try:
        with listening(
            settings,
            blocks=blocks,
            orphans=orphans,
            store=store,
            to_window=to_window,
            to_receiver=to_receiver,
            presence=presence,
        ) as actual:
            run_window(actual, store, to_window, to_receiver, presence)
    finally:
        store.stop()


def set_up_logs(settings: ViewerSettings) -> None:
    """Log to standard error, and to a file in the user's log folder."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    try:
        handlers.append(_log_file(settings.data_port))
    except (OSError, RuntimeError) as error:  # the latter where the user has no home
        sys.stderr.write(f"no log file: {error}\n")
    level = logging.DEBUG if settings.verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, format=LOG_FORMAT, handlers=handlers)
    logging.getLogger("hcs_viewer").setLevel(level)


def have_cache() -> None:
    """Give napari a folder for what it keeps from one start to the next, where the user's home takes nothing.

    It needs one as soon as it is imported: the home of a container's user may be missing, or read-only.
    """
    with contextlib.suppress(OSError, RuntimeError):
        folder = user_cache_path("napari")
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return
    with contextlib.suppress(ConnectionFileError):  # then the viewer says so itself
        cache = str(private_folder(runtime_folders()) / "cache")
        os.environ["XDG_CACHE_HOME"] = cache
        os.environ.setdefault("HOME", cache)


def allow_many_files() -> None:
    """Let this process have as many files open as its user may allow it, connections included."""
    if sys.platform != "win32":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            with contextlib.suppress(OSError, ValueError):  # the system may have a limit of its own
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def end_on_signals(close: Callable[[], None]) -> None:
    """Close in order on SIGTERM and Ctrl-C, from now on."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: close())


def end_with_parent() -> None:
    """End this process in order when the last process is gone that wants it.

    They hold the named pipe ``$HCS_PARENTS``; where that is not to be had, the one that started it holds the
    other end of standard input.
    """
    descriptor = _parents(os.environ.pop(PARENTS, ""))
    threading.Thread(target=_wait_for_parent, args=(descriptor,), name="hcs-parent", daemon=True).start()


def _wait_for_parent(descriptor: int) -> None:
    why = "end of file"
    try:
        while os.read(descriptor, 1 << 10):
            pass
    except (OSError, ValueError) as error:
        why = repr(error)
    logger.info("parent gone from=%s reason=%s", "pipe" if descriptor else "standard input", why)
    signal.raise_signal(signal.SIGTERM)  # os.kill would end the process at once on Windows


def _parents(path: str) -> int:
    """Open the pipe, without waiting for those who hold it: they may be gone already."""
    if path and sys.platform != "win32":
        with contextlib.suppress(OSError):
            found = os.stat(path, follow_symlinks=False)
            if stat.S_ISFIFO(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
                os.set_blocking(descriptor, True)
                return descriptor
    return 0


def _log_file(data_port: int) -> logging.Handler:
    folder = user_log_path("hcs")
    for each in (folder.parent, folder):  # parents that are made on the way have the usual mode
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"viewer-{data_port}.log"
    return PrivateFileHandler(path, maxBytes=LOG_NBYTES, backupCount=2, encoding="utf-8")


def _open_private(path: str, flags: int) -> int:
    """Open a plain file of this user, and close it to others.

    Raises:
        PermissionError: It is another user's.
    """
    descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o600)
    if sys.platform != "win32":
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            os.close(descriptor)
            raise PermissionError(errno.EPERM, "wanted a plain file of this user", path)
        os.fchmod(descriptor, 0o600)
    return descriptor
