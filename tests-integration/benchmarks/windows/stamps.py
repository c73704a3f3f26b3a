"""When a process came how far on its way to the first painted image: in a file, as monotonic nanoseconds.

``processor`` is what it had used by then, of all its threads.

The first import of a process that is measured: its first stamp is the interpreter's start. Importing this
imports no napari, and so opens no port later than a user's viewer does.
"""

import time

STAMPS = {"interpreter": time.monotonic_ns()}

import json  # noqa: E402  # the first stamp comes first
import os  # noqa: E402
import threading  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

from .after_import import when_imported  # noqa: E402

if TYPE_CHECKING:
    from .paints import Paints

FOLDER = "HCS_BENCH_STAMPS"
FIRST = 1
"""The number of the image that is waited for."""
PATIENCE_SECONDS = 3600.0
"""A spare may be taken late."""


def stamp(what: str) -> None:
    """Note that this has been reached now; what was reached before is left alone."""
    STAMPS.setdefault(what, time.monotonic_ns())


def stamp_first_window() -> None:
    """Stamp what the next napari window comes by, and write the file when its first image is painted."""
    when_imported("napari", lambda _: stamp("napari imported"), first=lambda: stamp("napari asked for"))
    when_imported("napari.viewer", _watch)
    when_imported("hcs_viewer._listener", _stamp_ready)


def _watch(module: Any) -> None:
    make = module.Viewer.__init__

    def make_watched(viewer: Any, *arguments: object, **keywords: object) -> None:
        from .paints import Paints
        from .watched import canvas_of, drawn_by

        stamp("window begun")
        make(viewer, *arguments, **keywords)
        stamp("window made")
        paints = Paints(canvas_of(viewer), lambda: drawn_by(viewer))
        threading.Thread(target=_write, args=(paints,), daemon=True).start()

    module.Viewer.__init__ = make_watched


def _stamp_ready(module: Any) -> None:
    begin: Callable[..., Any] = module.Listener.begin

    def begin_and_stamp(listener: Any, *arguments: object) -> Any:
        found = begin(listener, *arguments)
        stamp("ready")
        return found

    module.Listener.begin = begin_and_stamp


def _write(paints: "Paints") -> None:
    STAMPS["painted"] = paints.wait_for(FIRST, PATIENCE_SECONDS)
    STAMPS["processor"] = time.process_time_ns()
    path = Path(os.environ[FOLDER], f"{os.getpid()}.json")
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(STAMPS))
    unfinished.replace(path)
