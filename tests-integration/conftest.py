"""Fixtures of the stories: places of their own, free ports, and nothing left behind."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

import hcs_stream
from hcs_protocol import State, find_free_pair

if TYPE_CHECKING:
    from at_the_manager import Manager

HELPERS = ("resource_tracker", "forkserver", "xkbcomp")
"""Of Python; and of the virtual screen, which begins anew when its last window was closed."""
LOOK_SECONDS = 0.02
THREADS_OF_ZARR = ("zarr_io", "asyncio_")
"""They stay for as long as the process lives."""


@pytest.fixture(scope="session", autouse=True)
def own_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep out of the way of the user's own viewers, logs and segments; returns the segments' folder."""
    folder = tmp_path_factory.mktemp("places")
    memory = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None
    segments = Path(tempfile.mkdtemp(prefix="test-hcs-", dir=memory))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HCS_RUNTIME_DIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            place = folder / name.lower()
            place.mkdir(mode=0o700)
            patch.setenv(name, str(place))
        patch.setenv("HCS_SHM_DIR", str(segments))
        patch.setenv("HCS_SPILL_DIR", str(folder / "spill"))
        yield segments
    shutil.rmtree(segments)


@pytest.fixture(autouse=True)
def nothing_left_behind(own_places: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a process, a thread or a segment, and say which."""
    if "viewer" in request.fixturenames:
        request.getfixturevalue("one_viewer")  # it outlives the test on purpose
    before = _what_is_there(own_places)
    yield
    left = {kind: found - before[kind] for kind, found in _what_is_there(own_places).items()}
    assert not any(left.values()), f"left behind: {left}"


@pytest.fixture
def data_port() -> int:
    """A data port that is free together with its control port."""
    return find_free_pair(random.randrange(20_000, 30_000), _is_free)[0]


@pytest.fixture(scope="session")
def one_viewer(own_places: Path) -> Iterator[hcs_stream.Viewer]:
    """A viewer in a process of its own, for all tests that do not end it."""
    data_port = find_free_pair(random.randrange(30_000, 32_000), _is_free)[0]
    found = hcs_stream.start_viewer(data_port, persistent=False, timeout=120)
    yield found
    found.stop()


@pytest.fixture
def viewer(one_viewer: hcs_stream.Viewer) -> hcs_stream.Viewer:
    """A running viewer without layers."""
    one_viewer.clear()
    return one_viewer


@pytest.fixture
def manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> "Iterator[Manager]":
    """Somebody at the window of `hcs-stream manager`."""
    for needed in ("PyQt6", "pytestqt"):
        pytest.importorskip(needed, reason="the window needs Qt, and its tests pytest-qt")
    from at_the_manager import Manager

    from hcs_stream.manager import open_window

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    qtbot = request.getfixturevalue("qtbot")
    with open_window() as window:
        qtbot.waitExposed(window)
        yield Manager(window, qtbot)


@pytest.fixture
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a few lines of Python in a process of their own."""

    def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)

    return run


@pytest.fixture
def interruptible() -> "Iterator[Callable[[list[str]], subprocess.Popen[str]]]":
    """Start a command that hears Ctrl-C, though this process may ignore it; it does not outlive the test."""
    started: list[subprocess.Popen[str]] = []

    def start(command: list[str]) -> "subprocess.Popen[str]":
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what is ignored is inherited
        try:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        finally:
            signal.signal(signal.SIGINT, before)
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


@pytest.fixture
def wait_until() -> Callable[[hcs_stream.Viewer, Callable[[State], bool]], State]:
    """Wait until a viewer's state is as wanted, and return it."""

    def wait(viewer: hcs_stream.Viewer, is_so: Callable[[State], bool]) -> State:
        deadline = time.monotonic() + 50
        while not is_so(state := viewer.state()):
            assert time.monotonic() < deadline, f"it never came about: {state}"
            time.sleep(LOOK_SECONDS)  # which leaves the processor to the viewer
        return state

    return wait


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


HALF_MADE = ".new"
"""Of a process that was killed meanwhile; the next one removes it after a minute."""


def _what_is_there(segments: Path) -> dict[str, set[object]]:
    return {
        "processes": set(_children()),
        "threads": {each for each in threading.enumerate() if not _is_for_good(each)},
        "segments": {path.name for path in segments.iterdir() if path.suffix != HALF_MADE},
    }


def _is_for_good(thread: threading.Thread) -> bool:
    """Say whether a thread lives as long as the process: zarr's, and pyzmq's for frames."""
    return thread.name.startswith(THREADS_OF_ZARR) or "GarbageCollector" in type(thread).__name__


def _children() -> Iterator[psutil.Process]:
    for child in psutil.Process().children(recursive=True):
        try:
            command = " ".join(child.cmdline())
        except psutil.Error:
            continue
        if command and not any(helper in command for helper in HELPERS):
            yield child
