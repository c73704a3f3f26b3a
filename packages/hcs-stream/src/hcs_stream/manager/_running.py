"""The window as a process: how it starts, what an error in it does, and how it ends."""

import gc
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from ._browser import Browser
from ._connecting import connect_to
from ._errands import Errands
from ._instances import Instances
from ._main_window import MainWindow
from ._outbox import Outbox
from ._remembered import recall, remembered_path
from ._watcher import Watcher

logger = logging.getLogger(__name__)

NAME = "hcs-stream manager"
SIGNALS_MILLISECONDS = 200
"""How often Python gets a chance to see a signal while Qt has the thread."""
ERRANDS_SECONDS = 1.0
TURN_SECONDS = 0.001
"""How long threads that read and send may keep the window's waiting for the interpreter; Python's is 5 ms."""
SWITCH_SECONDS = 0.001
"""After how long another thread makes way for the window's, which needs its turn often and briefly."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Show the window until it is closed; return the exit status.

    Args:
        arguments: Qt's own, as ``-style Fusion``; none by default.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication([NAME, *(arguments or ())])
    app.setApplicationName(NAME)
    app.setApplicationDisplayName("HCS viewers")
    with open_window() as window, _errors_shown(window.complain), _ending_on_signals(window.close_now):
        return int(app.exec())


@contextmanager
def open_window() -> Iterator[MainWindow]:
    """Show the window in a Qt application that is there already; its threads end with the block."""
    path = remembered_path()
    turn_seconds = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    errands, instances = Errands(), Instances(time.monotonic)
    outbox = Outbox(connect_to, time.monotonic)
    browser = Browser(outbox)
    window = MainWindow(
        instances,
        errands=errands,
        browser=browser,
        queued=outbox.waiting_for,
        look=lambda: watcher.look_now(),
        remembered=recall(path),
        remembered_path=path,
    )
    watcher = Watcher(instances, window.take)
    watcher.start()
    try:
        with _window_first():
            window.show()
            yield window
    finally:
        window.close_now()
        watcher.stop()
        browser.shut_down()
        errands.stop(ERRANDS_SECONDS)
        sys.setswitchinterval(turn_seconds)


@contextmanager
def _window_first() -> Iterator[None]:
    """Keep other threads, and looks for garbage, from holding up the window's."""
    before = sys.getswitchinterval()
    gc.collect()
    gc.freeze()  # what was imported is no garbage, and takes long to look through
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
        gc.unfreeze()


@contextmanager
def _errors_shown(complain: Callable[[str], None]) -> Iterator[None]:
    """Log an error that nobody handled, and show it: PyQt would else end the process."""
    before = sys.excepthook, threading.excepthook

    def in_a_slot(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        logger.error("not handled", exc_info=(kind, error, traceback))
        complain(f"Something went wrong in this window: {error!r}")

    def in_a_thread(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None:
            in_a_slot(failed.exc_type, failed.exc_value, failed.exc_traceback)

    sys.excepthook, threading.excepthook = in_a_slot, in_a_thread
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook = before


@contextmanager
def _ending_on_signals(close: Callable[[], object]) -> Iterator[None]:
    """Close the window on Ctrl-C and SIGTERM."""
    names = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(name, lambda *_: close()) for name in names]
    alarm = QTimer()
    alarm.timeout.connect(lambda: None)
    alarm.start(SIGNALS_MILLISECONDS)
    try:
        yield
    finally:
        alarm.stop()
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)
