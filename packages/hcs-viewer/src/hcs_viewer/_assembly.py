"""Puts reader, receiver, store and window together: the only module that knows all of them."""

import contextlib
import gc
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from hcs_protocol import new_id
from hcs_shm import BlockReader, Orphans, spill_folder, sweep

from ._inbox import ImagesBack, Inbox, ToReceiver, ToWindow
from ._listening import listening, next_free
from ._memory import DEFAULT_MEMORY, memory_nbytes, resident_nbytes
from ._notices import Notices
from ._pace import Pace
from ._presence import Presence
from ._process import end_on_signals, run_viewer
from ._settings import ViewerSettings
from ._spilled import SpillFolder
from ._store import Store

if TYPE_CHECKING:
    import napari

    from ._listener import Listener
    from ._window import Window

logger = logging.getLogger(__name__)

WINDOW_SIZE = 1280, 860


def open_viewer(settings: ViewerSettings, viewer: "napari.Viewer | None" = None) -> None:
    """Run one viewer until its window is closed.

    Args:
        settings: Where it listens, and how.
        viewer: A window that is hidden and primed; None makes one.

    Raises:
        NoFreePortsError: The ports are taken.
        ConnectionFileError: No folder takes the connection file.
        NoDisplayError: There is no OpenGL.
    """
    gc.disable()  # until there is a window: of what is made meanwhile nothing goes, and to look takes a tenth
    store = _new_store(settings, measure=resident_nbytes)
    try:
        run_viewer(
            settings,
            blocks=BlockReader(),
            orphans=Orphans(),
            run_window=partial(run_window, viewer=viewer),
            store=store,
        )
    finally:
        sweep()  # not before: what is owed to this viewer may be older than the grace time


def run_window(
    settings: ViewerSettings,
    store: Store,
    to_window: Inbox[ToWindow],
    to_receiver: Inbox[ToReceiver],
    presence: Presence,
    viewer: "napari.Viewer | None" = None,
) -> None:
    """Open a napari window, or show one that is hidden, say ready, and return when it is closed."""
    import napari  # two seconds of imports: the ports are open before
    from qtpy.QtCore import QTimer

    from ._drawing_context import check_opengl
    from ._frames import after_paint
    from ._listener import Listener
    from ._listeners import listeners
    from ._priming import Priming

    asked_to_end = threading.Event()
    end_on_signals(asked_to_end.set)  # from here on Qt would swallow an exception, or lose a closed window
    is_primed = viewer is not None
    viewer = viewer or napari.Viewer(show=False, show_welcome_screen=False)
    check_opengl()
    open_to = " — insecure: open to everybody on this machine" if settings.insecure else ""
    viewer.title = f"{settings.title} — port {settings.data_port}{open_to}"
    viewer.show()
    viewer.window.resize(*WINDOW_SIZE)
    window = _window(viewer, settings, store, to_window, to_receiver, presence)
    listener = Listener(window, presence, contextlib.nullcontext, may_stop=False)
    listeners.append(listener)
    priming = Priming(viewer, window.sliders)

    def end() -> None:
        priming.stop()
        _close(viewer)

    window.end = end

    def say_ready() -> None:
        end_on_signals(window.close_soon)
        if asked_to_end.is_set():
            window.close_soon()
            return
        window.sliders.is_silent = True  # the letters of its first line take as long as the image
        listener.begin(settings)
        sys.stdout.write(f"ready  data {settings.data_port}  control {settings.data_port + 1000}\n")
        sys.stdout.flush()
        after_paint(come_to_rest)

    def come_to_rest() -> None:
        window.sliders.speak()
        gc.freeze()  # what is there by now stays: a collection, one for each layer that goes, takes a tenth
        gc.enable()
        if not is_primed:
            priming.begin()

    QTimer.singleShot(0, say_ready)
    napari.run()


def _close(viewer: "napari.Viewer") -> None:
    """Close the window; if napari fails to, as without OpenGL, this process ends all the same."""
    from qtpy.QtWidgets import QApplication

    try:
        viewer.close()
    except Exception:  # whatever it is, nobody could ask again
        logger.exception("window not closed in order")
        QApplication.quit()


def new_listener(viewer: "napari.Viewer", settings: ViewerSettings) -> "Listener":
    """Make a napari that runs already able to listen, for as long as its window is there."""
    from ._listener import Listener  # Qt, which the command line does without until the ports are open
    from ._priming import Priming

    store = _new_store(settings, measure=lambda: 0)  # what else is in this napari is its user's
    to_window: Inbox[ToWindow] = Inbox(lambda: None)
    to_receiver: Inbox[ToReceiver] = Inbox(lambda: None)
    presence = Presence(title="napari", viewer_run=new_id(), clock=time.monotonic)

    @contextlib.contextmanager
    def ports(wanted: ViewerSettings) -> Iterator[ViewerSettings]:
        presence.title, presence.viewer_run = wanted.title, new_id()
        try:
            with listening(
                next_free(wanted),
                blocks=BlockReader(),
                orphans=Orphans(),
                store=store,
                to_window=to_window,
                to_receiver=to_receiver,
                presence=presence,
                owns_process=False,
            ) as actual:
                yield actual
        finally:
            sweep()

    window = _window(viewer, settings, store, to_window, to_receiver, presence)
    listener = Listener(window, presence, ports, may_stop=True)
    store.start(on_back=lambda looker: to_window.put(ImagesBack(looker)), on_room=to_receiver.wake)
    listener.life.callback(store.stop)
    listener.close_with_window()
    if not viewer.layers:
        try:
            Priming(viewer, window.sliders).finish()
        except Exception:  # with whatever plugins; without it the first image takes longer
            logger.exception("failed what=priming")
    return listener


def _new_store(settings: ViewerSettings, measure: Callable[[], int]) -> Store:
    memory = memory_nbytes(DEFAULT_MEMORY) if settings.memory is None else settings.memory
    return Store(budget=memory, folder=SpillFolder(spill_folder()), measure=measure)


def _window(
    viewer: "napari.Viewer",
    settings: ViewerSettings,
    store: Store,
    to_window: Inbox[ToWindow],
    to_receiver: Inbox[ToReceiver],
    presence: Presence,
) -> "Window":
    from napari.utils.notifications import show_warning

    from ._answers import answer
    from ._navigation import add_navigation
    from ._window import Window

    pace = Pace(
        time.perf_counter,
        frame_seconds=settings.frame_milliseconds / 1000,
        budget_seconds=settings.budget_milliseconds / 1000,
    )
    notices = Notices(show_warning, presence.clock)
    window = Window(viewer, store, to_window, to_receiver, presence, answer, pace, notices)
    add_navigation(window)
    window.follow.turn(settings.follow)
    return window
