"""The viewer as a process: ports first, then the window; connection file, logs, and the ways it ends."""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

import msgspec
import psutil
from platformdirs import user_log_path

from hcs_protocol import (
    PROTOCOL_VERSION,
    BlockOpener,
    Connection,
    NoFreePortsError,
    OrphanFinder,
    find_connections,
    new_id,
    runtime_folders,
    start_ticks,
    write_connection,
)

from ._inbox import Inbox, ToReceiver, ToWindow
from ._presence import Presence
from ._receiver import Receiver
from ._settings import ViewerSettings
from ._sockets import Keys, Sockets
from ._store import Store

logger = logging.getLogger(__name__)

CLOSING_SECONDS = 3.0
LOOK_SECONDS = 0.1
LOG_NBYTES = 1 << 20
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"

RunWindow = Callable[[ViewerSettings, Store, Inbox[ToWindow], Inbox[ToReceiver], Presence], None]
"""Opens the window, says ready, and returns when it is closed."""


class NoDisplayError(RuntimeError):
    """There is no screen to open a window on."""


class PrivateFileHandler(RotatingFileHandler):
    """A log that this user alone can read, also after it was rotated."""

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).touch(mode=0o600)
        return super()._open()


def check_display(environ: dict[str, str] | os._Environ[str] = os.environ) -> None:
    """Refuse to start where no window can open.

    Raises:
        NoDisplayError: Linux without a display; Qt would end the process without a word to its caller.
    """
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform.startswith("linux") and not any(environ.get(name) for name in names):
        raise NoDisplayError(
            "no display: set DISPLAY, or start a virtual one with "
            "'Xvfb :99 -screen 0 1600x1200x24 &' and set DISPLAY=:99"
        )


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
    keys = Keys.new()
    sockets = _bind(keys, settings)
    presence = Presence(title=settings.title, viewer_run=new_id(), clock=time.monotonic)
    presence.see_window()
    store = Store() if store is None else store
    to_window: Inbox[ToWindow] = Inbox(lambda: None)
    to_receiver: Inbox[ToReceiver] = Inbox(sockets.bell_rope())
    receiver = Receiver(sockets, blocks, orphans, store, to_window, to_receiver, presence)
    thread = threading.Thread(target=receiver.run, name="hcs-receiver")
    try:
        with _connection_file(settings, sockets, keys, presence):
            thread.start()
            actual = msgspec.structs.replace(settings, data_port=sockets.data_port)
            run_window(actual, store, to_window, to_receiver, presence)
    finally:
        presence.state = "closing"
        receiver.stop()
        if thread.is_alive():
            thread.join()
        blocks.close()
        sockets.close()


def _bind(keys: Keys, settings: ViewerSettings) -> Sockets:
    """Bind the ports; a viewer that is closing gets the time to let go of them."""
    deadline = time.monotonic() + CLOSING_SECONDS
    while True:
        try:
            return Sockets(keys, settings.host, settings.data_port, next_free=settings.next_free)
        except NoFreePortsError:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOK_SECONDS)


def set_up_logs(settings: ViewerSettings) -> None:
    """Log to standard error, and to a file in the user's log folder."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    try:
        handlers.append(_log_file(settings.data_port))
    except OSError as error:
        sys.stderr.write(f"no log file: {error}\n")
    level = logging.DEBUG if settings.verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, format=LOG_FORMAT, handlers=handlers)
    logging.getLogger("hcs_viewer").setLevel(level)


def end_on_signals(close: Callable[[], None]) -> None:
    """Close in order on SIGTERM and Ctrl-C, from now on."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: close())


def end_with_parent() -> None:
    """End this process in order when its standard input ends."""
    threading.Thread(target=_wait_for_parent, name="hcs-parent", daemon=True).start()


def _wait_for_parent() -> None:
    with contextlib.suppress(OSError, ValueError):
        while os.read(0, 1 << 10):
            pass
    logger.info("parent gone")
    signal.raise_signal(signal.SIGTERM)  # os.kill would end the process at once on Windows


@contextlib.contextmanager
def _connection_file(
    settings: ViewerSettings, sockets: Sockets, keys: Keys, presence: Presence
) -> Iterator[Path]:
    connection = Connection(
        protocol_version=PROTOCOL_VERSION,
        viewer_run=presence.viewer_run,
        title=presence.title,
        host=sockets.host,
        data_port=sockets.data_port,
        control_port=sockets.control_port,
        requested_port=settings.data_port,
        pid=os.getpid(),
        start_time=psutil.Process().create_time(),
        start_ticks=start_ticks(os.getpid()),
        public_key=keys.public.decode(),
        client_public_key=keys.client_public.decode(),
        client_secret_key=keys.client_secret.decode(),
    )
    folders = runtime_folders()
    try:
        path = write_connection(connection, folders)
        logger.info("listening data=%d control=%d file=%s", sockets.data_port, sockets.control_port, path)
        yield path
    finally:  # looked for, since a signal may come between the file and its name
        for found, written in find_connections(folders):
            if written.viewer_run == connection.viewer_run:
                found.unlink(missing_ok=True)


def _log_file(data_port: int) -> logging.Handler:
    folder = user_log_path("hcs")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"viewer-{data_port}.log"
    return PrivateFileHandler(path, maxBytes=LOG_NBYTES, backupCount=2, encoding="utf-8")
