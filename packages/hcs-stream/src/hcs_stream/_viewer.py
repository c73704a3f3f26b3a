"""A running viewer: ask it, stop it, end it by force."""

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from hcs_protocol import (
    COMPONENTS,
    Clear,
    Components,
    Connection,
    ConnectionFileError,
    Done,
    GetImage,
    GetState,
    HcsError,
    ImagePixels,
    InvalidComponentError,
    Navigate,
    Ping,
    Pong,
    Screenshot,
    ScreenshotTaken,
    Shutdown,
    State,
    ViewerOutOfReachError,
    ViewerRequestError,
    ViewerStalledError,
    new_id,
    read_connection,
)

from ._addresses import Value, as_components
from ._logs import last_lines, log_paths
from ._processes import LOOK_SECONDS, KnownProcess
from ._requests import ask
from ._whereabouts import (
    answers,
    is_gone,
    is_here,
    is_kept,
    is_running,
    machine_name,
    needs_proof,
)

PING_SECONDS = 10.0
REQUEST_SECONDS = 30.0
"""The window answers between two frames; with many layers, a frame may take seconds."""
STOP_SECONDS = 5.0
PROMPT_SECONDS = 0.5
"""Who has not answered by then is looked at: its process may be stopped."""

Ending: TypeAlias = Literal["closed", "terminated", "killed", "gone"]
"""How a viewer ended: by itself when it was asked, by SIGTERM, by SIGKILL, or before."""


class Viewer:
    """A viewer process, on this machine or another, that can be asked and stopped."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self.connection = connection
        self.path = path
        """Its connection file."""

    @property
    def is_alive(self) -> bool:
        """Whether it runs; of another machine's viewer, whether its connection file is here.

        If that gives an address of that machine's own, it has to answer there as well. One behind a tunnel is
        out of reach, as good as gone, without the process that keeps that open.
        """
        if not is_kept(self.connection.tunnel):
            return False
        if self._is_local:
            return is_running(self.connection)
        return self.path.exists() and (not needs_proof(self.connection) or answers(self.connection))

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
        """Write what the window looks like to a PNG file, which is there whole or not at all."""
        request = Screenshot(id=new_id(), canvas_only=canvas_only)
        _write_whole(Path(path), ask(self.connection, request, ScreenshotTaken, timeout=timeout)[0].png)

    def navigate(
        self,
        components: Components | Mapping[str, Value] | None = None,
        visible_layers: Sequence[str] | None = None,
        *,
        without: Sequence[str] = (),
        timeout: float = REQUEST_SECONDS,
        **more: Value,
    ) -> None:
        """Move the sliders, and show only some layers: ``viewer.navigate(well="B03", z_index=5)``.

        Args:
            components: Where to; a slider of which nothing is said stays where it is.
            visible_layers: Which layers to show; None leaves them as they are.
            without: Components that the image to look at does not have, as an overview of all wells has no
                ``"well"``.
            timeout: Seconds to wait.
            **more: Components, each by its name.

        Raises:
            InvalidComponentError: There is no such component.
            ViewerRequestError: No image has one of these values, or there is no such layer.
        """
        layers = None if visible_layers is None else list(visible_layers)
        where = _given(components, more)
        request = Navigate(id=new_id(), components=where, without=_missing(without), visible_layers=layers)
        ask(self.connection, request, Done, timeout=timeout)

    def image(
        self,
        layer: str,
        components: Components | Mapping[str, Value] | None = None,
        *,
        without: Sequence[str] = (),
        timeout: float = REQUEST_SECONDS,
        **more: Value,
    ) -> npt.NDArray[np.generic]:
        """Return a plane that a layer has, of shape ``(y, x)`` or ``(y, x, c)``.

        Args:
            layer: Its name.
            components: Which plane; of those that are left out, the one where the sliders stand.
            without: Components that the plane does not have.
            timeout: Seconds to wait.
            **more: Components, each by its name.

        Raises:
            InvalidComponentError: There is no such component.
            ViewerRequestError: There is no such layer or plane, or the viewer sent other pixels than it says.
        """
        where = _given(components, more)
        request = GetImage(id=new_id(), layer=layer, components=where, without=_missing(without))
        reply, frames = ask(self.connection, request, ImagePixels, timeout=timeout)
        reply.spec.check()
        found = sum(map(len, frames))
        if len(frames) != 1 or found != reply.spec.nbytes:
            raise ViewerRequestError(f"wanted a frame of {reply.spec.nbytes} bytes, got {found}")
        dtype = np.dtype(reply.spec.dtype).newbyteorder("<")
        return np.frombuffer(frames[0], dtype).reshape(reply.spec.shape)

    def clear(
        self, run: str | None = None, step: str | None = None, *, timeout: float = REQUEST_SECONDS
    ) -> None:
        """Remove the layers of this run and step, or all of them.

        Args:
            run: Whose layers; None is all runs.
            step: Its name or its index; None is all steps.
            timeout: Seconds to wait.

        Raises:
            ViewerRequestError: No layer is of this step.
        """
        ask(self.connection, Clear(id=new_id(), run=run, step=step), Done, timeout=timeout)

    def log(self, lines: int = 200) -> str:
        """Return the last lines of what it logged, and printed if it was started by `start_viewer`.

        Raises:
            ViewerOutOfReachError: It runs on another machine, and so its log lies there.
        """
        if not self._is_local:
            raise ViewerOutOfReachError(
                f"the log of {self!r} lies on its machine ({machine_name(self.connection)})"
            )
        newest = max(log_paths(self.connection.requested_port), key=_last_change, default=None)
        return "\n".join(last_lines(newest, lines)) if newest else ""

    def stop(self, timeout: float = STOP_SECONDS) -> Ending:
        """Ask it to end; a local one that does not is terminated, then killed. A second time is harmless.

        A napari that its user started stops listening, and is never terminated. One whose process is
        stopped, as by SIGSTOP, is terminated at once: it could not answer.

        Args:
            timeout: Seconds to wait after each of the three.

        Returns:
            How it ended.

        Raises:
            ViewerStalledError: It did not answer, and its process is not ours to end.
        """
        if not self.is_alive:
            return "gone"
        ending: Ending = "closed"
        if not self._may_be_forced:
            ask(self.connection, Shutdown(id=new_id()), Done, timeout=timeout)
            self._is_gone_within(timeout)
        elif self.is_stopped or not self._closes_within(timeout):
            ending = "terminated"
            self._process.end("terminate")
            if not self._is_gone_within(timeout):
                ending = "killed"
                self._process.end("kill")
                self._is_gone_within(timeout)
        if is_gone(self.connection):
            self.forget()
        return ending

    def kill(self, timeout: float = STOP_SECONDS) -> None:
        """End its process at once, whatever it is doing; a second time is harmless.

        What it had adopted is gone with it. Then its ports are free, its connection file is removed, and the
        next viewer on the port gets what it had not adopted. The process is known by pid and start time: one
        that has the pid by now, or the port, is never touched.

        Args:
            timeout: Seconds to wait until it is gone.

        Raises:
            ViewerOutOfReachError: It is another machine's, or a napari that its user started.
            ViewerStalledError: It is not gone in time, as when its system waits for a disk.
        """
        if not self._is_local:
            where = machine_name(self.connection)
            raise ViewerOutOfReachError(
                f"{self!r} runs elsewhere ({where}): end it there, or ask it by stop()"
            )
        if not self.connection.owns_process:
            raise ViewerOutOfReachError(
                f"{self!r} is a napari that its user started, with other work in it: ask it by stop()"
            )
        self._process.end("kill")
        if not self._process.is_gone_within(timeout):
            raise ViewerStalledError(f"{self!r} was killed and is not gone within {timeout:g} s")
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
    def is_stopped(self) -> bool:
        """Whether its process is here and was stopped, as by SIGSTOP."""
        return self._is_local and self._process.is_stopped

    @property
    def _is_local(self) -> bool:
        return is_here(self.connection)

    @property
    def _may_be_forced(self) -> bool:
        return self._is_local and self.connection.owns_process

    @property
    def _process(self) -> KnownProcess:
        return KnownProcess.named_by(self.connection)

    def _is_gone_within(self, timeout: float) -> bool:
        if not self._is_local:
            return True
        if self.connection.owns_process:
            return self._process.is_gone_within(timeout)
        deadline = time.monotonic() + timeout
        while is_running(self.connection):
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def _closes_within(self, timeout: float) -> bool:
        for patience in (min(PROMPT_SECONDS, timeout), timeout):
            try:
                ask(self.connection, Shutdown(id=new_id()), Done, timeout=patience)
            except HcsError:  # whoever cannot answer is ended all the same
                if self.is_stopped:  # it was stopped just now
                    return False
            else:
                return self._is_gone_within(timeout)
        return not self.is_alive


def _given(components: Components | Mapping[str, Value] | None, more: Mapping[str, Value]) -> Components:
    """Return all components that somebody gave, together and by their names."""
    if isinstance(components, Components):
        components = msgspec.structs.asdict(components)
    return as_components({**(components or {}), **more})


def _missing(names: Sequence[str]) -> Any:
    """Return names of components as messages have them; one by itself is a name, too."""
    given = [names] if isinstance(names, str) else list(names)
    if unknown := set(given) - set(COMPONENTS):
        raise InvalidComponentError(f"wanted {', '.join(COMPONENTS)}, got {sorted(unknown)!r}")
    return given


def _write_whole(path: Path, data: bytes) -> None:
    if path.exists() and not path.is_file():  # such as /dev/stdout
        path.write_bytes(data)
        return
    place = Path(os.path.realpath(path))  # a link stays one
    aside = place.with_name(f".hcs-{new_id()}.tmp")
    try:
        aside.write_bytes(data)
        aside.replace(place)
    finally:
        aside.unlink(missing_ok=True)


def _last_change(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
