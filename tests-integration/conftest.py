"""Fixtures of the stories: places of their own, free ports, and nothing left behind."""

import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import hcs_stream
from hcs_protocol import find_free_pair

SHARED_MEMORY = Path("/dev/shm")
HELPERS_OF_PYTHON = ("resource_tracker", "forkserver")


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own viewers and logs out of it."""
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("HCS_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def nothing_left_behind(own_places: None) -> Iterator[None]:
    """Fail a test that leaves a process, a thread or a segment, and say which."""
    before = _what_is_there()
    yield
    left = {kind: found - before[kind] for kind, found in _what_is_there().items()}
    assert not any(left.values()), f"left behind: { {k: v for k, v in left.items() if v} }"


@pytest.fixture
def data_port() -> int:
    """A data port that is free together with its control port."""
    return find_free_pair(random.randrange(20_000, 30_000), _is_free)[0]


@pytest.fixture
def free_port(data_port: int) -> int:
    """A second free data port."""
    return find_free_pair(data_port + 1, _is_free)[0]


@pytest.fixture
def viewer(data_port: int) -> Iterator[hcs_stream.Viewer]:
    """A running viewer in a process of its own."""
    with hcs_stream.connect(data_port=data_port, persistent=False):
        found = hcs_stream.find_viewer(data_port)
    assert found is not None
    yield found
    found.stop()


@pytest.fixture
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a few lines of Python in a process of their own."""

    def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)

    return run


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _what_is_there() -> dict[str, set[object]]:
    segments = SHARED_MEMORY.glob("hcs-*") if SHARED_MEMORY.is_dir() else []
    return {
        "processes": set(_children()),
        "threads": set(threading.enumerate()),
        "segments": {path.name for path in segments},
    }


def _children() -> Iterator[psutil.Process]:
    for child in psutil.Process().children(recursive=True):
        try:
            command = " ".join(child.cmdline())
        except psutil.Error:
            continue
        if command and not any(helper in command for helper in HELPERS_OF_PYTHON):
            yield child
