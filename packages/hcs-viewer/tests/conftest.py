"""A test leaves nothing behind: no thread, no child process, no window, no segment. And no deadlines."""

import contextlib
import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["NAPARI_CONFIG"] = ""  # not this user's settings; napari reads it when it is imported

import napari.qt  # which is imported with the first window otherwise
import psutil
import pytest
import zmq
from hypothesis import settings
from pytestqt.qtbot import QtBot
from shown import Shown

SEGMENTS = Path("/dev/shm")
PATIENCE_SECONDS = 10.0
KEPT_BY_LIBRARIES = ("Xvfb", "resource_tracker")

settings.register_profile("hcs-viewer", deadline=None)
settings.load_profile("hcs-viewer")


def pytest_collection_finish() -> None:
    """Keep what is imported out of each collection of garbage: napari wants one for each layer that goes."""
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that open a window: they take most of the time."""
    for item in items:
        if "make_napari_viewer" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.window)


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Fail a test that leaves a thread, a child process, a window or a segment behind, and say which."""
    before = _everything()
    yield
    left = _everything() - before
    if left:
        gc.collect()
        _let_go()
        left = _everything() - before
    assert not left, f"left behind: {', '.join(sorted(left))}"


@pytest.fixture
def in_a_thread() -> Iterator[Callable[[Callable[[], None]], threading.Thread]]:
    """Start functions in threads; wait for them at the end of the test."""
    started: list[threading.Thread] = []

    def start(run: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=run)
        thread.start()
        started.append(thread)
        return thread

    yield start
    for thread in started:
        thread.join(PATIENCE_SECONDS)


@pytest.fixture
def connect() -> Iterator[Callable[..., zmq.SyncSocket]]:
    """Connect sockets to a viewer on this machine, by default in the clear."""
    context: zmq.Context[zmq.SyncSocket] = zmq.Context()
    sockets: list[zmq.SyncSocket] = []

    def connected(
        kind: int, port: int, *, server: bytes = b"", public: bytes = b"", secret: bytes = b""
    ) -> zmq.SyncSocket:
        socket = context.socket(kind)
        socket.set_hwm(0)
        if server:
            socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = server, public, secret
        socket.get_monitor_socket()  # before there is something to be seen
        socket.connect(f"tcp://127.0.0.1:{port}")
        sockets.append(socket)
        return socket

    yield connected
    context.destroy(linger=0)


@pytest.fixture
def shown(make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot) -> Iterator[Shown]:
    """A window that is fed by hand."""
    shown = Shown(make_napari_viewer(show=True), qtbot)
    yield shown
    shown.window.stop_listening()


def _everything() -> set[str]:
    return {*_threads(), *_children(), *_windows(), *_segments()}


KEPT_THREADS = ("ThreadPoolExecutor", "zarr_io", "asyncio_")
"""napari's slicer keeps its pool for the next window, and zarr its own."""
KEPT_KINDS = ("_DummyThread", "GarbageCollectorThread")
"""pyzmq has one thread for all that it sends without copying."""


def _threads() -> Iterator[str]:
    for thread in threading.enumerate():
        if type(thread).__name__ in KEPT_KINDS or thread.name.startswith(KEPT_THREADS):
            continue
        yield f"thread {thread.name} {thread.ident}"


def _children() -> Iterator[str]:
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            command = " ".join(child.cmdline())
            if not any(name in command for name in KEPT_BY_LIBRARIES):
                yield f"process {child.pid} {command}"


def _windows() -> Iterator[str]:
    widgets = sys.modules.get("qtpy.QtWidgets")
    app = widgets.QApplication.instance() if widgets else None
    for widget in app.topLevelWidgets() if app else ():
        if widget.isVisible():
            yield f"window {type(widget).__name__} {widget.windowTitle()!r} {id(widget)}"


def _segments() -> Iterator[str]:
    if SEGMENTS.is_dir():
        yield from (f"segment {path.name}" for path in SEGMENTS.glob(f"hcs-{os.getpid()}-*"))


def _let_go() -> None:
    """Let threads end and deleted windows go, which takes them a moment."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(1.0)
    widgets = sys.modules.get("qtpy.QtWidgets")
    if widgets and (app := widgets.QApplication.instance()):
        app.processEvents()
