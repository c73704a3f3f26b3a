"""What is done with a viewer; a small program stands in for one that does not do as it is told."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from hcs_protocol import ViewerStalledError
from hcs_stream._viewer import Viewer
from hcs_stream.manager import _errands
from hcs_stream.manager._errands import Errands, ViewerRemainsError, closes_late, quit_viewer

LONG = 20.0


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that does nothing."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def stubborn(viewer: Any, process: Any) -> Viewer:
    """A viewer that answers, whose process stays."""
    started = psutil.Process(process.pid).create_time()
    connection = msgspec.structs.replace(viewer.connection, pid=process.pid, start_time=started)
    return Viewer(connection, viewer.path)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait no longer than needed."""
    for name in ("GOODBYE_SECONDS", "END_SECONDS"):
        monkeypatch.setattr(_errands, name, 0.2)


def test_an_errand_is_told_when_it_is_over_in_a_thread_of_its_own() -> None:
    errands, told, over = Errands(), [], threading.Event()

    def done(result: object, error: Exception | None) -> None:
        told.append((result, error, threading.current_thread().name))
        over.set()

    errands.run(lambda: 7, done)

    assert over.wait(LONG)
    assert told[0][:2] == (7, None)
    assert told[0][2].startswith("hcs-manager-errand")
    errands.stop(LONG)


@pytest.mark.parametrize("error", [ViewerStalledError("late"), OSError("full"), ZeroDivisionError("a bug")])
def test_an_errand_that_fails_is_told_why(error: Exception) -> None:
    errands, told, over = Errands(), [], threading.Event()

    def fail() -> None:
        raise error

    errands.run(fail, lambda result, error: (told.append(error), over.set()))

    assert over.wait(LONG)
    assert told == [error]
    errands.stop(LONG)


def test_a_viewer_that_says_no_goodbye_is_left_as_it_is(viewer: Any, stubborn: Viewer, process: Any) -> None:
    viewer.answers = False

    with pytest.raises(ViewerStalledError, match=f"force kill ends process {process.pid}"):
        quit_viewer(stubborn)
    assert process.poll() is None


def test_a_viewer_that_says_goodbye_and_stays_is_told_of(stubborn: Viewer, process: Any) -> None:
    with pytest.raises(ViewerRemainsError, match=f"said goodbye, but process {process.pid} is still there"):
        quit_viewer(stubborn)
    assert process.poll() is None


def test_a_viewer_that_closes_late_is_gone_all_the_same(stubborn: Viewer, process: Any) -> None:
    stubborn.path.unlink()
    threading.Timer(0.1, process.kill).start()

    assert closes_late(stubborn, threading.Event())


def test_a_viewer_that_crashes_late_did_not_close(stubborn: Viewer, process: Any) -> None:
    threading.Timer(0.1, process.kill).start()

    assert not closes_late(stubborn, threading.Event())
    assert stubborn.path.exists()


def test_nobody_waits_for_a_viewer_when_the_window_is_closed(stubborn: Viewer) -> None:
    is_ending = threading.Event()
    is_ending.set()

    assert not closes_late(stubborn, is_ending)
    assert stubborn.path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no process can be stopped there")
def test_nobody_waits_for_the_goodbye_of_a_process_that_is_stopped(stubborn: Viewer, process: Any) -> None:
    psutil.Process(process.pid).suspend()
    while not stubborn.is_stopped:
        threading.Event().wait(0.01)

    with pytest.raises(ViewerStalledError, match=f"'kill -CONT {process.pid}' lets it go on"):
        quit_viewer(stubborn)


def test_another_machines_viewer_that_said_goodbye_leaves_no_file(viewer: Any, own_places: Path) -> None:
    remote = msgspec.structs.replace(viewer.connection, pid=2**22 + 1)
    path = own_places / "viewer-of-another.json"
    path.write_bytes(msgspec.json.encode(remote))
    path.chmod(0o600)

    quit_viewer(Viewer(remote, path))

    assert not path.exists()
