"""Puts reader, receiver, store and window together: the only module that knows all of them."""

import sys
import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from hcs_shm import BlockReader, Orphans, spill_folders, sweep

from ._inbox import Inbox, ToReceiver, ToWindow
from ._memory import DEFAULT_MEMORY, memory_nbytes, private_nbytes
from ._notices import Notices
from ._pace import Pace
from ._presence import Presence
from ._process import end_on_signals, run_viewer
from ._settings import ViewerSettings
from ._spilled import SpillFolder
from ._store import Store

if TYPE_CHECKING:
    import napari

WINDOW_SIZE = 1280, 860


def open_viewer(settings: ViewerSettings) -> None:
    """Run one viewer until its window is closed.

    Raises:
        NoFreePortsError: The ports are taken.
        ConnectionFileError: No folder takes the connection file.
    """
    memory = memory_nbytes(DEFAULT_MEMORY) if settings.memory is None else settings.memory
    store = Store(budget=memory, folder=SpillFolder(spill_folders()[0]), measure=private_nbytes)
    try:
        run_viewer(settings, blocks=BlockReader(), orphans=Orphans(), run_window=run_window, store=store)
    finally:
        sweep()  # not before: what is owed to this viewer may be older than the grace time


def run_window(
    settings: ViewerSettings,
    store: Store,
    to_window: Inbox[ToWindow],
    to_receiver: Inbox[ToReceiver],
    presence: Presence,
) -> None:
    """Open a napari window, say ready, and return when it is closed."""
    import napari  # two seconds of imports: the ports are open before
    from napari.utils.notifications import show_warning
    from qtpy.QtCore import QTimer

    from ._answers import answer
    from ._window import Window

    asked_to_end = threading.Event()
    end_on_signals(asked_to_end.set)  # from here on Qt would swallow an exception, or lose a closed window
    viewer = napari.Viewer(title=f"{settings.title} — port {settings.data_port}", show_welcome_screen=False)
    viewer.window.resize(*WINDOW_SIZE)
    pace = Pace(
        time.perf_counter,
        frame_seconds=settings.frame_milliseconds / 1000,
        budget_seconds=settings.budget_milliseconds / 1000,
    )
    notices = Notices(show_warning, presence.clock)
    window = Window(viewer, store, to_window, to_receiver, presence, answer, pace, notices)
    _prime(viewer)

    def say_ready() -> None:
        end_on_signals(window.close_soon)
        if asked_to_end.is_set():
            window.close_soon()
            return
        presence.state = "ready"
        window.listen()
        sys.stdout.write(f"ready  data {settings.data_port}  control {settings.data_port + 1000}\n")
        sys.stdout.flush()

    QTimer.singleShot(0, say_ready)
    napari.run()


def _prime(viewer: "napari.Viewer") -> None:
    """Pay for the first image's imports and tables now, not when the first image arrives."""
    blank = np.zeros((1, 1, 1, 1, 1, 1, 8, 8), np.uint16)
    viewer.add_image(blank, contrast_limits=(0, 1), projection_mode="none")
    viewer.add_labels(blank)
    viewer.layers.clear()
