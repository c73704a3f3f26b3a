"""Viewers: found, asked, stopped, ended by force; other processes stand in for the real one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from hcs_protocol import (
    ViewerOutOfReachError,
    ViewerRequestError,
    ViewerStalledError,
    start_ticks,
    this_machine,
    write_connection,
)
from hcs_stream._assembly import default_run
from hcs_stream._processes import KnownProcess, living_process
from hcs_stream._viewer import Viewer
from hcs_stream._viewers import find_viewer, viewers
from hcs_stream._whereabouts import is_gone

PORT = 23_456


@pytest.fixture
def other_process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


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


ELSEWHERE = {"machine": "another/pid:[1]", "pid": 2**22 + 1}


def test_a_viewer_that_answers_at_this_address_is_found_wherever_it_runs(
    viewer: Any, own_places: Path
) -> None:
    elsewhere = msgspec.structs.replace(viewer.connection, data_port=PORT, requested_port=PORT, **ELSEWHERE)
    path = write_connection(elsewhere, [own_places])

    found = find_viewer(PORT)

    assert found is not None
    assert found.is_alive
    assert not is_gone(elsewhere)
    with pytest.raises(ViewerOutOfReachError, match="runs elsewhere"):
        found.kill()
    path.unlink()
    assert not found.is_alive


def test_an_address_of_another_machine_at_which_nobody_answers_is_not_believed(
    viewer: Any, own_places: Path
) -> None:
    nobody = msgspec.structs.replace(
        viewer.connection, control_port=1, requested_port=PORT, data_port=PORT, **ELSEWHERE
    )
    path = write_connection(nobody, [own_places])

    assert find_viewer(PORT) is None
    assert [found.connection for found in viewers()] == [viewer.connection]
    assert path.exists()  # it may be right on that machine


def test_a_viewer_of_this_machine_comes_before_one_that_had_its_port_on_another(
    viewer: Any, own_places: Path
) -> None:
    later = viewer.connection.start_time + 1
    theirs = msgspec.structs.replace(
        viewer.connection, viewer_run="theirs", start_time=later, public_key="0" * 40, **ELSEWHERE
    )
    write_connection(theirs, [own_places])

    found = find_viewer(viewer.connection.data_port)

    assert found is not None
    assert found.connection == viewer.connection
    assert [each.connection for each in viewers()] == [viewer.connection]


@pytest.mark.skipif(not this_machine(), reason="nothing tells machines apart")
def test_a_viewer_that_listens_to_others_is_of_this_machine_all_the_same(
    viewer: Any, own_places: Path, other_process: subprocess.Popen[bytes]
) -> None:
    known = KnownProcess.of(other_process.pid)
    listening = msgspec.structs.replace(
        viewer.connection,
        machine=this_machine(),
        host="10.77.0.9",
        data_port=PORT,
        pid=known.pid,
        start_time=known.start_time,
        start_ticks=known.start_ticks,
    )
    path = write_connection(listening, [own_places])

    by_name = [find_viewer(PORT, host=host) for host in ("localhost", "10.77.0.9", "127.0.0.1")]
    assert [found and found.path for found in by_name] == [path, path, None]
    assert by_name[0] is not None
    by_name[0].kill()
    assert not path.exists()


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


# End by force.


@pytest.fixture
def hung(viewer: Any, other_process: subprocess.Popen[bytes], own_places: Path) -> Viewer:
    """A viewer that another process stands in for."""
    known = KnownProcess.of(other_process.pid)
    connection = msgspec.structs.replace(
        viewer.connection,
        pid=known.pid,
        start_time=known.start_time,
        start_ticks=known.start_ticks,
        data_port=PORT,
        viewer_run="f" * 16,
    )
    return Viewer(connection, write_connection(connection, [own_places]))


@pytest.mark.skipif(sys.platform == "win32", reason="processes are stopped by signals")
def test_a_frozen_viewer_is_killed_and_its_file_removed(
    hung: Viewer, other_process: subprocess.Popen[bytes]
) -> None:
    other_process.send_signal(signal.SIGSTOP)

    hung.kill()
    hung.kill()

    assert other_process.wait(20) == -signal.SIGKILL
    assert not hung.is_alive
    assert not hung.path.exists()


def test_a_viewer_that_is_gone_already_is_only_forgotten(hung: Viewer, other_process: Any) -> None:
    other_process.kill()
    other_process.wait()

    hung.kill()

    assert not hung.path.exists()


def test_a_stranger_that_has_the_pid_is_never_killed(
    hung: Viewer, other_process: subprocess.Popen[bytes]
) -> None:
    ticks = hung.connection.start_ticks and hung.connection.start_ticks - 1
    before = msgspec.structs.replace(hung.connection, start_time=1.0, start_ticks=ticks)

    Viewer(before, hung.path).kill()

    assert other_process.poll() is None


def test_the_file_of_the_next_viewer_is_left_alone(hung: Viewer, own_places: Path) -> None:
    after = msgspec.structs.replace(hung.connection, viewer_run="e" * 16)
    write_connection(after, [own_places])

    hung.kill()

    assert hung.path.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"host": "10.0.0.9"}, "runs elsewhere"),
        ({"owns_process": False}, "a napari that its user started"),
    ],
)
def test_what_is_not_ours_to_kill_is_left_alone(
    hung: Viewer, other_process: subprocess.Popen[bytes], change: dict[str, Any], said: str
) -> None:
    theirs = msgspec.structs.replace(hung.connection, **change)

    with pytest.raises(ViewerOutOfReachError, match=said):
        Viewer(theirs, hung.path).kill()

    assert other_process.poll() is None
    assert hung.path.exists()


def test_another_machines_viewer_that_does_not_answer_cannot_be_stopped(
    viewer: Any, own_places: Path
) -> None:
    viewer.answers = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hcs_stream._whereabouts.LOCAL_HOSTS", frozenset())  # as if it were elsewhere
        with pytest.raises(ViewerStalledError, match="no reply to Shutdown"):
            Viewer(viewer.connection, viewer.path).stop(timeout=0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="processes are stopped by signals")
def test_a_process_that_is_stopped_hears_that_it_shall_end() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    process.send_signal(signal.SIGSTOP)

    KnownProcess.of(process.pid).end("terminate")

    assert process.wait(20) == -signal.SIGTERM


def test_the_end_of_a_process_is_waited_for(other_process: subprocess.Popen[bytes]) -> None:
    known = KnownProcess.of(other_process.pid)

    assert not known.is_gone_within(0.01)
    other_process.kill()
    assert known.is_gone_within(20)


# Logs.


def test_the_last_lines_that_a_viewer_wrote_are_at_hand(hung: Viewer, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "hcs" / "log"
    folder.mkdir(parents=True)
    port = hung.connection.requested_port
    assert hung.log() == ""

    (folder / f"viewer-{port}.out").write_text("".join(f"line {number}\n" for number in range(300)))

    assert hung.log(2) == "line 298\nline 299"
    assert len(hung.log().splitlines()) == 200


def test_another_machines_log_is_there(hung: Viewer) -> None:
    remote = Viewer(msgspec.structs.replace(hung.connection, host="10.0.0.9"), hung.path)

    with pytest.raises(ViewerOutOfReachError, match=r"lies on its machine .10.0.0.9"):
        remote.log()


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


def test_a_viewer_that_sends_other_pixels_than_it_says_is_told_from_an_image(viewer: Any) -> None:
    asked = Viewer(viewer.connection, viewer.path)

    with pytest.raises(ViewerRequestError, match="wanted a frame of 4 bytes, got 0"):
        asked.image("DAPI")
