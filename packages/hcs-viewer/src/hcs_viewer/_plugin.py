"""The commands that napari's menus and command palette offer, in whatever napari the user started."""

import napari
from napari.utils.notifications import show_info, show_warning

from hcs_protocol import HcsError

from ._assembly import new_listener
from ._listener import Listener
from ._listeners import itself, listener_of, listeners
from ._preferences import preferred_settings
from ._settings import ViewerSettings


def listen() -> None:
    """Listen for hcs streams in the napari window that the user is in, and say where."""
    viewer = napari.current_viewer()
    if viewer is None:
        show_warning("There is no napari window that could listen.")
        return
    begin_in(viewer)


def stop_listening() -> None:
    """Listen no more in the napari window that the user is in; its layers stay."""
    listener = listener_of(napari.current_viewer())
    if listener is None or listener.settings is None:
        show_info("This napari does not listen for hcs streams.")
    elif not listener.may_stop:
        show_info("This window is there to listen: it stops when it is closed.")
    else:
        port = listener.settings.data_port
        listener.stop()
        show_info(f"No longer listening on port {port}. The layers stay.")


def begin_in(viewer: napari.Viewer) -> None:
    """Let this napari listen, and say where, or why not."""
    viewer = itself(viewer)
    listener = listener_of(viewer)
    if listener is not None and listener.settings is not None:
        show_info(f"Listening for hcs streams already, on port {listener.settings.data_port}.")
        return
    try:
        wanted = preferred_settings()
        listener = listener or _new_listener(viewer, wanted)
        port = listener.begin(wanted).data_port
    except (HcsError, OSError, ValueError) as error:
        show_warning(f"Cannot listen for hcs streams: {error}")
        return
    if port == wanted.data_port:
        show_info(f"Listening for hcs streams on port {port}.")
    else:
        show_warning(
            f"Port {wanted.data_port} is taken. Listening for hcs streams on port {port}: "
            f"hcs_stream.connect(data_port={port})."
        )


def _new_listener(viewer: napari.Viewer, settings: ViewerSettings) -> Listener:
    listener = new_listener(viewer, settings)
    listeners.append(listener)
    listener.life.callback(listeners.remove, listener)
    return listener
