"""Start a viewer and wait until it is ready."""

import importlib.util
import logging
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import platformdirs

from hcs_protocol import (
    ConnectionFileError,
    HcsError,
    ViewerNotInstalledError,
    ViewerStalledError,
    ViewerStartError,
    check_data_port,
    default_data_port,
    runtime_folders,
)

from ._processes import adopt_child, in_forked_child
from ._viewers import LOCAL_HOSTS, Viewer, find_viewer

logger = logging.getLogger(__name__)

COMMAND = "HCS_VIEWER_COMMAND"
TITLE = "HCS Pipeline Visualization"
LOOK_SECONDS = 0.02
RIVAL_SECONDS = 0.5
"""How long after the end of a viewer that found its port taken the other one may need to write its file."""
PING_SECONDS = 1.0
LOG_LINES = 20
LOG_NBYTES = 1 << 20

if sys.platform == "win32":
    DETACHED = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
else:
    DETACHED = 0  # start_new_session does it there

Command = str | Sequence[str] | None


class Launch:
    """A viewer process that was started and may not be ready yet."""

    def __init__(self, data_port: int, process: "subprocess.Popen[bytes]", log: Path, log_start: int) -> None:
        self.data_port = data_port
        self._process = process
        self._log = log
        self._log_start = log_start

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """End a viewer that has no connection file yet; a second time is harmless."""
        if not self.has_ended:
            self._process.kill()
            self._process.wait()

    def failure(self) -> ViewerStartError:
        """Return why there is no viewer, with the last lines of its log."""
        code = self._process.poll()
        how = "is not ready" if code is None else f"ended with exit code {code}"
        with self._log.open("rb") as file:
            file.seek(self._log_start)
            lines = file.read().decode(errors="replace").splitlines()[-LOG_LINES:]
        said = "\n".join(lines) or "(it said nothing)"
        return ViewerStartError(f"the viewer for port {self.data_port} {how}; {self._log} ends with:\n{said}")


_launches: dict[int, Launch] = {}
_lock = threading.Lock()


def start_viewer(
    data_port: int | None = None,
    *,
    title: str | None = None,
    persistent: bool = True,
    viewer_command: Command = None,
    timeout: float = 30.0,
) -> Viewer:
    """Return the viewer of this port once it is ready; one that runs already is not started again.

    Args:
        data_port: Where it is to listen; else ``$HCS_DATA_PORT``, else 5555.
        title: Of its window.
        persistent: Whether it outlives this process.
        viewer_command: What starts it, ``"conda run -n napari hcs-viewer"``; else ``$HCS_VIEWER_COMMAND``,
            else the viewer installed beside this package.
        timeout: Seconds until it has to be ready.

    Raises:
        ViewerNotInstalledError: There is no viewer to start.
        ViewerStartError: It ended, or was not ready in time; the text has the last lines of its log.
        ViewerStalledError: A viewer runs there and does not answer.
    """
    data_port = default_data_port() if data_port is None else data_port
    start = partial(
        launch_viewer, data_port, title=title, persistent=persistent, viewer_command=viewer_command
    )
    return wait_until_ready(data_port, "localhost", start(), timeout=timeout, start=start)


def launch_viewer(
    data_port: int,
    *,
    title: str | None = None,
    persistent: bool = True,
    viewer_command: Command = None,
) -> Launch | None:
    """Start a viewer, and no more, unless one runs or was started a moment ago; None if one runs."""
    check_data_port(data_port)
    with _lock:
        if find_viewer(data_port):
            return None
        launch = _launches.get(data_port)
        if launch is None or launch.has_ended:
            command = [*command_to_start(viewer_command, os.environ), "--data-port", str(data_port)]
            command += ["--title", title or TITLE]
            _launches[data_port] = launch = _spawn(command, data_port, persistent=persistent)
        return launch


def look_for_viewer(data_port: int, host: str) -> Viewer | None:
    """Find a viewer; log, once, that one started here ended before it could be found."""
    viewer = find_viewer(data_port, host=host)
    launch = _launches.get(data_port) if host in LOCAL_HOSTS else None
    if launch and (viewer or launch.has_ended):
        _launches.pop(data_port, None)
        if viewer is None:
            logger.error("viewer not started reason=%s", launch.failure())
    return viewer


def wait_until_ready(
    data_port: int,
    host: str,
    launch: Launch | None,
    *,
    timeout: float,
    start: Callable[[], Launch | None] = lambda: None,
) -> Viewer:
    """Return the viewer of this port as soon as its window is ready for images.

    Args:
        data_port: The port that it has or was asked for.
        host: Its machine.
        launch: It, if it was started for this; None if one ran.
        timeout: Seconds to wait.
        start: Starts one should the one that ran be gone, because it was just ending.

    Raises:
        ViewerStartError: The viewer that was started ended, or was not ready in time.
        ViewerStalledError: A viewer that ran before did not answer in time.
    """
    deadline = time.monotonic() + timeout
    last_chance: float | None = None
    while time.monotonic() < deadline:
        viewer = find_viewer(data_port, host=host)
        if viewer and _is_ready(viewer):
            _launches.pop(data_port, None)
            return viewer
        if viewer is None and launch is None:
            launch = start()
        if viewer is None and (launch is None or launch.has_ended):
            last_chance = last_chance or time.monotonic() + RIVAL_SECONDS
            if time.monotonic() > last_chance:
                break
        time.sleep(LOOK_SECONDS)
    if launch:
        raise launch.failure()
    raise ViewerStalledError(f"no viewer is ready at {host}:{data_port} within {timeout:g} s")


def viewer_or_launch(
    data_port: int, host: str, *, title: str | None, persistent: bool, viewer_command: Command
) -> Launch | None:
    """Find the viewer of this port, or start one here; of another machine's, the file has to be here.

    Raises:
        ConnectionFileError: The file of the other machine's viewer is not here.
        ViewerNotInstalledError: There is no viewer to start.
    """
    if host in LOCAL_HOSTS:
        return launch_viewer(data_port, title=title, persistent=persistent, viewer_command=viewer_command)
    if find_viewer(data_port, host=host) is None:
        folder = runtime_folders()[0]
        raise ConnectionFileError(
            f"no connection file of a viewer on {host!r}, port {data_port}: copy viewer-{data_port}.json "
            f"from that machine's runtime folder, with mode 0600 and its host set to {host!r}, to {folder}"
        )
    return None


def command_to_start(given: Command, environ: Mapping[str, str]) -> list[str]:
    """Return the command that starts a viewer, without its arguments.

    Raises:
        ViewerNotInstalledError: There is none.
    """
    if command := given or environ.get(COMMAND):
        return shlex.split(command) if isinstance(command, str) else list(command)
    if importlib.util.find_spec("hcs_viewer"):
        return [sys.executable, "-P", "-m", "hcs_viewer"]  # the folder it is started in has no say
    if found := shutil.which("hcs-viewer"):
        return [found]
    raise ViewerNotInstalledError(
        "there is no viewer in this environment; either put it there:\n"
        "    pip install hcs-viewer\n"
        f"or say how to start one elsewhere: viewer_command='conda run -n napari hcs-viewer', or ${COMMAND}"
    )


@in_forked_child
def _forget_launches() -> None:
    global _lock
    _lock = threading.Lock()
    _launches.clear()


def _spawn(command: list[str], data_port: int, *, persistent: bool) -> Launch:
    log = _log_path(data_port)
    start = log.stat().st_size if log.exists() else 0
    if start > LOG_NBYTES:
        log.unlink()
        start = 0
    if not persistent:
        command = [*command, "--stdin-is-parent"]
    stdin = subprocess.DEVNULL if persistent else subprocess.PIPE  # the pipe ends when this process does
    with open(log, "ab", opener=_open_private) as output:
        try:
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=output,
                stderr=output,
                start_new_session=True,
                creationflags=DETACHED,
            )
        except OSError as error:
            raise ViewerStartError(f"cannot run {shlex.join(command)}: {error}") from error
    adopt_child(process)
    return Launch(data_port, process, log, start)


def _log_path(data_port: int) -> Path:
    try:
        return platformdirs.user_log_path("hcs", ensure_exists=True) / f"viewer-{data_port}.out"
    except OSError:  # no home, or a read-only one
        file, path = tempfile.mkstemp(prefix=f"hcs-viewer-{data_port}-", suffix=".out")
        os.close(file)
        return Path(path)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_ready(viewer: Viewer) -> bool:
    try:
        return viewer.ping(PING_SECONDS).state == "ready"
    except HcsError:
        return False  # it may be ready with its sockets later, or be closing
