"""Running viewers: find one by its connection file, ask it, stop it."""

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from hcs_protocol import (
    Clear,
    Components,
    Connection,
    ConnectionFileError,
    Done,
    GetImage,
    GetState,
    HcsError,
    ImagePixels,
    Navigate,
    Ping,
    Pong,
    Screenshot,
    ScreenshotTaken,
    Shutdown,
    State,
    default_data_port,
    find_connections,
    new_id,
    read_connection,
    runtime_folders,
)

from ._addresses import Value, as_components
from ._processes import living_process
from ._requests import ask

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
PING_SECONDS = 10.0
REQUEST_SECONDS = 30.0
"""The window answers between two frames; with many layers, a frame may take seconds."""
STOP_SECONDS = 5.0


def find_viewer(data_port: int | None = None, *, host: str = "localhost") -> "Viewer | None":
    """Return the running viewer that was asked for this data port, or has it; None if there is none.

    The connection file of a viewer that is gone is removed. The port is else ``$HCS_DATA_PORT``, else 5555.
    """
    data_port = default_data_port() if data_port is None else data_port
    found = [
        (connection.requested_port == data_port, connection.start_time, path, connection)
        for path, connection in find_connections(runtime_folders())
        if data_port in {connection.requested_port, connection.data_port} and _is_at(connection, host)
    ]
    for _, _, path, connection in sorted(found, key=lambda entry: entry[:2], reverse=True):
        viewer = Viewer(connection, path)
        if viewer.is_alive:
            return viewer
        viewer.forget()
    return None


def is_gone(connection: Connection) -> bool:
    """Say whether this viewer has ended; of another machine's nothing can be proven."""
    if connection.host not in LOCAL_HOSTS:
        return False
    return not _is_running(connection)


class Viewer:
    """A viewer process, on this machine or another, that can be asked and stopped."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self.connection = connection
        self.path = path
        """Its connection file."""

    @property
    def is_alive(self) -> bool:
        """Whether it runs; of another machine's viewer, whether its connection file is here."""
        if self.connection.host not in LOCAL_HOSTS:
            return self.path.exists()
        return _is_running(self.connection)

    def ping(self, timeout: float = PING_SECONDS) -> Pong:
        """Return the viewer's title, state and counters.

        Raises:
            ViewerStalledError: There was no reply in time, as for all its requests.
        """
        return ask(self.connection, Ping(id=new_id()), Pong, timeout=timeout)[0]

    def state(self, timeout: float = REQUEST_SECONDS) -> State:
        """Return what the window shows: layers, sliders, camera."""
        return ask(self.connection, GetState(id=new_id()), State, timeout=timeout)[0]

    def screenshot(
        self, path: str | Path, *, canvas_only: bool = False, timeout: float = REQUEST_SECONDS
    ) -> None:
        """Write what the window looks like to a PNG file."""
        request = Screenshot(id=new_id(), canvas_only=canvas_only)
        Path(path).write_bytes(ask(self.connection, request, ScreenshotTaken, timeout=timeout)[0].png)

    def navigate(
        self,
        components: Components | Mapping[str, Value] | None = None,
        visible_layers: Sequence[str] | None = None,
        *,
        timeout: float = REQUEST_SECONDS,
    ) -> None:
        """Move the sliders to these components and show these layers alone; None leaves them as they are."""
        layers = None if visible_layers is None else list(visible_layers)
        where = as_components(components or {})
        request = Navigate(id=new_id(), components=where, visible_layers=layers)
        ask(self.connection, request, Done, timeout=timeout)

    def image(
        self,
        layer: str,
        components: Components | Mapping[str, Value] | None = None,
        *,
        timeout: float = REQUEST_SECONDS,
    ) -> npt.NDArray[np.generic]:
        """Return the plane that a layer has at these components.

        Raises:
            ViewerRequestError: There is no such layer or plane.
        """
        request = GetImage(id=new_id(), layer=layer, components=as_components(components or {}))
        reply, frames = ask(self.connection, request, ImagePixels, timeout=timeout)
        reply.spec.check()
        dtype = np.dtype(reply.spec.dtype).newbyteorder("<")
        return np.frombuffer(frames[0], dtype).reshape(reply.spec.shape)

    def clear(self, run: str | None = None, *, timeout: float = REQUEST_SECONDS) -> None:
        """Remove the layers of this run, or all of them."""
        ask(self.connection, Clear(id=new_id(), run=run), Done, timeout=timeout)

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Ask it to end; a local one that does not is terminated, then killed. A second time is harmless.

        A napari that its user started stops listening, and is never terminated.

        Args:
            timeout: Seconds to wait after each of the three.
        """
        if not self.is_alive:
            return
        with contextlib.suppress(HcsError):  # whoever cannot answer is ended all the same
            ask(self.connection, Shutdown(id=new_id()), Done, timeout=timeout)
        by_force = (psutil.Process.terminate, psutil.Process.kill) if self.connection.owns_process else ()
        for end in (None, *by_force):
            process = self._process
            if process and end:
                with contextlib.suppress(psutil.NoSuchProcess):
                    end(process)
            if self._is_gone_within(timeout):
                break
        if is_gone(self.connection):
            self.forget()

    def forget(self) -> None:
        """Remove its connection file, unless it is another viewer's by now.

        It is taken away before it is looked at: else the next viewer could write its own in between.
        """
        aside = self.path.with_name(f".{self.path.name}.{new_id()}")
        with contextlib.suppress(OSError, ConnectionFileError):
            if read_connection(self.path).viewer_run != self.connection.viewer_run:
                return
            self.path.rename(aside)
            if read_connection(aside).viewer_run != self.connection.viewer_run:
                os.link(aside, self.path)  # put back, unless there is a newer one
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)

    def __repr__(self) -> str:
        port = self.connection.data_port
        return f"<Viewer {self.connection.title!r} port={port} pid={self.connection.pid}>"

    @property
    def _process(self) -> psutil.Process | None:
        if self.connection.host not in LOCAL_HOSTS:
            return None
        known = self.connection
        return living_process(known.pid, known.start_time, known.start_ticks)

    def _is_gone_within(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while self.connection.host in LOCAL_HOSTS and _is_running(self.connection):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def _is_running(connection: Connection) -> bool:
    """Say whether a local viewer runs; in a user's own napari it may end before the process does."""
    if living_process(connection.pid, connection.start_time, connection.start_ticks) is None:
        return False
    return connection.owns_process or any(
        found.viewer_run == connection.viewer_run for _, found in find_connections(runtime_folders())
    )


def _is_at(connection: Connection, host: str) -> bool:
    return connection.host == host or {connection.host, host} <= LOCAL_HOSTS
