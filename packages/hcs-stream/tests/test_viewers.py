"""Viewers: found, started, asked, stopped; small programs stand in for the real one."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

import hcs_stream
from hcs_protocol import (
    ConnectionFileError,
    ViewerRequestError,
    ViewerStalledError,
    start_ticks,
    write_connection,
)
from hcs_stream._assembly import default_run
from hcs_stream._processes import living_process
from hcs_stream._viewers import Viewer, find_viewer, is_gone

PORT = 23_456

SAYS_AND_ENDS = """
print("one line")
print("no display")
raise SystemExit(4)
"""

STANDS_IN = """
import sys, time
from pathlib import Path
Path({out!r}).write_text("\\n".join(sys.argv[1:]))
if "--stdin-is-parent" in sys.argv:
    sys.stdin.read()
else:
    time.sleep(60)
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], str]:
    """Make a viewer command of a few lines of Python."""

    def make(code: str) -> str:
        path = tmp_path / "viewer.py"
        path.write_text(code)
        return shlex.join([sys.executable, str(path)])

    return make


@pytest.fixture
def other_process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def wait_for(condition: Callable[[], object]) -> None:
    """Look until this is so."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came about"


# Find.


def test_a_viewer_is_found_by_the_port_that_it_has_or_was_asked_for(viewer: Any, own_places: Path) -> None:
    port = viewer.connection.data_port
    write_connection(msgspec.structs.replace(viewer.connection, requested_port=PORT), [own_places])

    found = [find_viewer(wanted) for wanted in (port, PORT, PORT + 1)]

    assert [each and each.connection.data_port for each in found] == [port, port, None]


def test_who_was_asked_for_the_port_comes_before_who_has_it(viewer: Any, own_places: Path) -> None:
    asked = msgspec.structs.replace(viewer.connection, requested_port=PORT, data_port=PORT + 1)
    moved_here = msgspec.structs.replace(viewer.connection, requested_port=PORT - 1, data_port=PORT)
    for connection in (asked, moved_here):
        write_connection(connection, [own_places])

    found = find_viewer(PORT)

    assert found is not None
    assert found.connection.data_port == PORT + 1


@pytest.mark.parametrize("change", [{"start_time": 1.0}, {"pid": 2**22 + 1}])
def test_the_file_of_a_viewer_that_is_gone_is_removed(
    viewer: Any, own_places: Path, change: dict[str, Any]
) -> None:
    stale = msgspec.structs.replace(viewer.connection, data_port=PORT, requested_port=PORT, **change)
    path = write_connection(stale, [own_places])

    assert find_viewer(PORT) is None
    assert not path.exists()


def test_the_file_of_another_machines_viewer_is_believed(viewer: Any, own_places: Path) -> None:
    remote = msgspec.structs.replace(viewer.connection, host="10.0.0.9", data_port=PORT, pid=2**22 + 1)
    write_connection(remote, [own_places])

    assert find_viewer(PORT) is None
    assert find_viewer(PORT, host="10.0.0.9") is not None


def test_without_its_file_another_machines_viewer_cannot_be_reached(own_places: Path) -> None:
    with pytest.raises(ConnectionFileError, match=f"copy viewer-{PORT}.json .* to {own_places}"):
        hcs_stream.connect(data_port=PORT, host="10.0.0.9")


# Ask and stop.


def test_a_viewer_answers_a_ping(viewer: Any) -> None:
    found = find_viewer(viewer.connection.data_port)

    assert found is not None
    assert found.ping().state == "ready"


def test_a_viewer_that_does_not_answer_is_named(viewer: Any) -> None:
    viewer.answers = False

    with pytest.raises(ViewerStalledError, match=r"no reply to Ping .* viewer 'fake'"):
        Viewer(viewer.connection, viewer.path).ping(timeout=0.05)


def test_what_a_viewer_cannot_do_is_an_error(viewer: Any) -> None:
    with pytest.raises(ViewerRequestError, match="GetState failed: there is no window"):
        Viewer(viewer.connection, viewer.path).state()


def test_a_viewer_that_does_not_end_by_itself_is_ended_by_its_pid(
    viewer: Any, other_process: subprocess.Popen[bytes]
) -> None:
    started = psutil.Process(other_process.pid).create_time()
    connection = msgspec.structs.replace(viewer.connection, pid=other_process.pid, start_time=started)

    Viewer(connection, viewer.path).stop(timeout=0.05)

    assert other_process.wait(timeout=20) != 0


def test_a_stranger_with_the_same_pid_is_never_ended(
    viewer: Any, other_process: subprocess.Popen[bytes]
) -> None:
    connection = msgspec.structs.replace(viewer.connection, pid=other_process.pid, start_time=1.0)

    Viewer(connection, viewer.path).stop(timeout=0.05)

    assert other_process.poll() is None


def test_a_napari_that_its_user_started_is_never_ended(
    viewer: Any, other_process: subprocess.Popen[bytes]
) -> None:
    started = psutil.Process(other_process.pid).create_time()
    connection = msgspec.structs.replace(
        viewer.connection, pid=other_process.pid, start_time=started, owns_process=False
    )

    Viewer(connection, viewer.path).stop(timeout=0.05)

    assert other_process.poll() is None


def test_a_napari_that_stopped_listening_is_gone_though_its_process_runs(viewer: Any) -> None:
    connection = msgspec.structs.replace(viewer.connection, owns_process=False)
    assert not is_gone(connection)

    viewer.path.unlink()

    assert is_gone(connection)
    assert not Viewer(connection, viewer.path).is_alive


# Runs.


def test_a_run_can_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCS_RUN", "assay-7")

    assert default_run() == "assay-7"


def test_a_process_always_has_the_same_run() -> None:
    assert default_run() == default_run()
    assert default_run().startswith(f"{os.getpid()}-")


def test_a_clock_that_was_set_makes_no_living_process_a_stranger() -> None:
    pid, hour = os.getpid(), 3600.0
    started, ticks = psutil.Process().create_time(), start_ticks(pid)

    assert living_process(pid, started)
    assert living_process(pid, started + hour) is None
    if ticks:
        assert living_process(pid, started + hour, ticks)
        assert living_process(pid, started, ticks + 1) is None
