"""A viewer on a port, started by one of many; small programs stand in for the real one."""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import hcs_stream
from hcs_protocol import (
    ConnectionFileError,
    InvalidPortError,
    NoFreePortsError,
    PortTakenError,
    ViewerNotInstalledError,
    ViewerStalledError,
    ViewerStartError,
    write_connection,
)
from hcs_stream._assembly import ssh_host
from hcs_stream._launch import Order
from hcs_stream._processes import KnownProcess
from hcs_stream._start import Start, not_ready
from hcs_stream._start_lock import start_lock
from hcs_stream._start_notes import read_note, write_note
from hcs_stream._starting import start_of
from hcs_stream._viewer import Viewer

PORT = 23_456

SAYS_AND_ENDS = """
print("one line")
print("no display")
raise SystemExit(4)
"""

STANDS_IN = """
import os, sys, time
with open({out!r}, "a") as file:
    file.write(" ".join([str(os.getpid()), *sys.argv[1:]]) + "\\n")
if "--stdin-is-parent" in sys.argv:
    sys.stdin.read()
else:
    time.sleep(60)
"""

STARTER = """
import os, sys
from hcs_stream._assembly import ssh_host
from hcs_stream._launch import Order
from hcs_stream._starting import start_of
order = Order(data_port=int(sys.argv[1]), viewer_command=sys.argv[2], persistent=sys.argv[3] == "True")
start_of(order)
print("started", flush=True)
sys.stdin.read()
"""

AS_ANOTHER_PROCESS = """
import os, sys
fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o600)
os.write(fd, sys.argv[2].encode())
raise SystemExit(int(sys.argv[3]))
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., str]:
    """Make a viewer command of a few lines of Python."""

    def make(code: str, *arguments: object) -> str:
        path = tmp_path / "viewer.py"
        path.write_text(code)
        return shlex.join([sys.executable, str(path), *map(str, arguments)])

    return make


@pytest.fixture
def stands_in(program: Callable[..., str], tmp_path: Path) -> str:
    """The command of a viewer that never has a connection file."""
    return program(STANDS_IN.format(out=str(tmp_path / "started")))


def started(tmp_path: Path) -> list[list[str]]:
    """Return pid and arguments of each viewer that was started."""
    path = tmp_path / "started"
    return [line.split(" ") for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(condition: Callable[[], object]) -> None:
    """Look until this is so."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came about"


def look_until(start: Start, condition: Callable[[], object]) -> None:
    """Look for the viewer until this is so."""
    deadline = time.monotonic() + 20
    while not condition():
        start.look()
        assert time.monotonic() < deadline, "it never came about"


def stop(start: Start | None) -> None:
    """End what it started."""
    assert start is not None
    start.stop()


# One process.


def test_without_its_file_another_machines_viewer_cannot_be_reached(own_places: Path) -> None:
    with pytest.raises(
        ConnectionFileError, match=f"ssh 10.0.0.9 hcs-viewer connection {PORT} --host 10.0.0.9"
    ):
        hcs_stream.connect(data_port=PORT, host="10.0.0.9")


@pytest.mark.skipif(sys.platform == "win32", reason="access lists are another matter")
def test_a_file_that_is_there_and_open_to_others_is_told(own_places: Path) -> None:
    path = own_places / f"viewer-{PORT}.json"
    path.write_text("{}")
    path.chmod(0o644)

    with pytest.raises(ConnectionFileError, match=f"skipped: .* try 'chmod go= {path}'"):
        hcs_stream.connect(data_port=PORT, host="10.0.0.9")


def test_a_viewer_elsewhere_that_does_not_answer_may_have_new_keys(viewer: Any) -> None:
    known = msgspec.structs.replace(viewer.connection, host="imaging-3", requested_port=PORT)

    said = str(not_ready(Viewer(known, viewer.path), 5.0))

    assert f"no viewer is ready at imaging-3:{PORT} within 5 s" in said
    assert (
        f"ssh imaging-3 hcs-viewer connection {PORT} --host imaging-3 | hcs-stream connection add -" in said
    )
    assert "kill()" not in said


@pytest.mark.skipif(not os.path.exists("/proc/sys/kernel/random/boot_id"), reason="no machine is told")
def test_a_command_may_start_a_viewer_on_another_machine_whose_file_appears_here(
    program: Callable[..., str], new_viewer: Any
) -> None:
    there = new_viewer()
    there.path.unlink()
    elsewhere = msgspec.structs.replace(there.connection, host="0.0.0.0", machine="another")
    file = msgspec.json.encode(elsewhere).decode()
    command = program(AS_ANOTHER_PROCESS, there.path, file, 0)

    with hcs_stream.connect(data_port=elsewhere.data_port, host="0.0.0.0", viewer_command=command) as stream:
        stream.send(np.zeros((4, 5), "uint8"))
        stream.flush()

    assert len(there.pixels()) == 1


def test_a_viewer_that_ends_at_once_is_reported_with_its_log(program: Callable[[str], str]) -> None:
    with pytest.raises(ViewerStartError, match=r"exit code 4; .*viewer-23456\.out .*\none line\nno display"):
        hcs_stream.connect(data_port=PORT, viewer_command=program(SAYS_AND_ENDS))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals")
def test_a_viewer_that_a_signal_ends_is_reported_by_the_signals_name(program: Callable[[str], str]) -> None:
    with pytest.raises(ViewerStartError, match="was ended by signal SIGABRT"):
        hcs_stream.start_viewer(PORT, viewer_command=program("import os; os.abort()"))


def test_a_library_that_is_missing_is_named_with_its_package(program: Callable[[str], str]) -> None:
    complains = "raise ImportError('libEGL.so.1: cannot open shared object file: No such file or directory')"

    with pytest.raises(ViewerStartError, match=r"apt-get install .* libegl1; .*\n"):
        hcs_stream.start_viewer(PORT, viewer_command=program(complains))


def test_a_viewer_that_was_not_waited_for_and_ends_is_in_the_log(
    program: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    command = program(SAYS_AND_ENDS)
    stream = hcs_stream.connect(data_port=PORT, viewer_command=command, wait=False)

    wait_for(lambda: "viewer not started" in caplog.text)
    stream.close(timeout=0)

    assert "no display" in caplog.text


def test_without_a_log_folder_a_start_that_fails_is_reported_all_the_same(
    program: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with pytest.raises(ViewerStartError, match="no display"):
        hcs_stream.connect(data_port=PORT, viewer_command=program(SAYS_AND_ENDS))


def test_so_is_one_of_a_user_who_has_no_home(
    program: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_home(name: str) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("platformdirs.user_log_path", no_home)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with pytest.raises(ViewerStartError, match=r"hcs-viewer-\d+-\w+\.out ends with:\none line\nno display"):
        hcs_stream.connect(data_port=PORT, viewer_command=program(SAYS_AND_ENDS))


def test_a_log_that_cannot_be_written_keeps_no_viewer_from_starting(
    program: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "state" / "hcs" / "log" / f"viewer-{PORT}.out").mkdir(parents=True)

    with pytest.raises(ViewerStartError, match=r"hcs-viewer-\d+-\w+\.out ends with:\none line\nno display"):
        hcs_stream.connect(data_port=PORT, viewer_command=program(SAYS_AND_ENDS))


def test_where_no_file_can_be_written_a_start_that_fails_is_reported_all_the_same(
    program: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = program(SAYS_AND_ENDS)
    (tmp_path / "file").touch()
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))

    with pytest.raises(ViewerStartError, match="it said nothing"):
        hcs_stream.connect(data_port=PORT, viewer_command=command)


def test_a_command_that_does_not_exist_is_reported() -> None:
    with pytest.raises(ViewerStartError, match="no-such-program"):
        hcs_stream.connect(data_port=PORT, viewer_command="/no-such-program", wait=False)


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidPortError):
        hcs_stream.connect(data_port=80)


def test_a_way_out_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="'next' or 'error', found 'kill'"):
        hcs_stream.start_viewer(PORT, on_port_conflict="kill")  # type: ignore[arg-type]  # what is tested


def test_a_viewer_gets_port_title_and_leave_to_move(stands_in: str, tmp_path: Path) -> None:
    start = start_of(Order(data_port=PORT, title="Assay_7", viewer_command=stands_in))
    wait_for(lambda: started(tmp_path))
    stop(start)

    [[_, *arguments]] = started(tmp_path)
    assert arguments == ["--data-port", str(PORT), "--title", "Assay_7", "--next-free"]


def test_a_viewer_that_may_not_move_is_not_told_to(stands_in: str, tmp_path: Path) -> None:
    start = start_of(Order(data_port=PORT, viewer_command=stands_in, on_port_conflict="error"))
    wait_for(lambda: started(tmp_path))
    stop(start)

    assert "--next-free" not in started(tmp_path)[0]


@pytest.mark.skipif(sys.platform == "win32", reason="its folder is the user's own")
def test_its_log_is_private(stands_in: str, tmp_path: Path) -> None:
    start = start_of(Order(data_port=PORT, viewer_command=stands_in))
    stop(start)

    [log] = tmp_path.rglob("viewer-*.out")
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_port_that_another_program_has_is_an_error_of_its_own(program: Callable[[str], str]) -> None:
    command = program("raise SystemExit(3)")

    with pytest.raises(PortTakenError, match="ended with exit code 3") as failed:
        hcs_stream.start_viewer(PORT, viewer_command=command, on_port_conflict="error")

    assert isinstance(failed.value, NoFreePortsError)
    assert isinstance(failed.value, ViewerStartError)


def test_a_viewer_that_starts_is_not_started_twice(stands_in: str, tmp_path: Path) -> None:
    order = Order(data_port=PORT, viewer_command=stands_in)

    first, second = start_of(order), start_of(order)

    assert first is second
    stop(first)


def test_a_start_that_was_given_up_keeps_nobody_from_the_next(stands_in: str, tmp_path: Path) -> None:
    order = Order(data_port=PORT, viewer_command=stands_in)
    stop(start_of(order))

    again = start_of(order)

    assert again is not None
    assert again.is_under_way
    again.stop()


def test_a_start_that_failed_keeps_nobody_from_the_next(
    program: Callable[..., str], stands_in: str, tmp_path: Path
) -> None:
    ends = shlex.join([sys.executable, "-c", SAYS_AND_ENDS])
    for _ in range(2):
        with pytest.raises(ViewerStartError, match="exit code 4"):
            hcs_stream.start_viewer(PORT, viewer_command=ends)

    start = start_of(Order(data_port=PORT, viewer_command=stands_in))

    wait_for(lambda: started(tmp_path))
    stop(start)


def test_a_viewer_that_lost_the_race_for_the_port_leaves_it_to_the_winner(
    program: Callable[..., str], new_viewer: Any
) -> None:
    winner = new_viewer()
    file = winner.path.read_text()
    winner.path.unlink()
    command = program(AS_ANOTHER_PROCESS, winner.path, file, 3)

    found = hcs_stream.start_viewer(winner.connection.data_port, viewer_command=command)

    assert found.ping().viewer_run == winner.viewer_run


def test_a_command_may_end_once_the_viewer_is_in_the_background(
    program: Callable[..., str], new_viewer: Any
) -> None:
    behind = new_viewer()
    file = behind.path.read_text()
    behind.path.unlink()
    later = program(AS_ANOTHER_PROCESS, behind.path, file, 0)
    command = f"sh -c {shlex.quote(f'(sleep 0.3; {later}) & exit 0')}"

    found = hcs_stream.start_viewer(behind.connection.data_port, viewer_command=command)

    assert found.ping().viewer_run == behind.viewer_run


def test_a_viewer_that_is_never_ready_is_reported_with_where_its_file_was_looked_for(
    stands_in: str, own_places: Path, tmp_path: Path
) -> None:
    with pytest.raises(ViewerStartError, match=rf"(?s)is not ready; .*none of {own_places} has"):
        hcs_stream.start_viewer(PORT, viewer_command=stands_in, timeout=0.2)

    [[pid, *_]] = started(tmp_path)
    os.kill(int(pid), signal.SIGTERM)
    wait_for(lambda: not KnownProcess.of(int(pid)).is_alive)


def test_a_viewer_of_another_protocol_is_refused_at_once(viewer: Any, own_places: Path) -> None:
    newer = msgspec.structs.replace(viewer.connection, protocol_version=2, data_port=PORT)
    write_connection(newer, [own_places])

    with pytest.raises(ViewerStartError, match="speaks 2: update hcs-stream here"):
        hcs_stream.start_viewer(PORT)


def test_a_viewer_that_is_frozen_is_named_with_what_helps(viewer: Any) -> None:
    viewer.answers = False

    with pytest.raises(ViewerStalledError, match=r"pid=\d+> does not answer; its kill\(\) makes room"):
        hcs_stream.start_viewer(viewer.connection.data_port, timeout=0.1)


# Many processes.


@pytest.fixture
def starter(stands_in: str) -> Any:
    """Start a process that starts a viewer; returns when it has."""
    processes: list[subprocess.Popen[str]] = []

    def start(*, persistent: bool) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", STARTER, str(PORT), stands_in, str(persistent)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        return process

    yield start
    for process in processes:
        with process:
            process.kill()


def test_what_another_process_started_is_waited_for(
    starter: Callable[..., Any], stands_in: str, tmp_path: Path
) -> None:
    starter(persistent=False)
    mine = start_of(Order(data_port=PORT, viewer_command=stands_in))
    assert mine is not None

    wait_for(lambda: started(tmp_path))
    mine.look()

    assert not mine.is_under_way
    assert len(started(tmp_path)) == 1


def test_whoever_waits_takes_over_when_starter_and_viewer_are_killed(
    starter: Callable[..., Any], stands_in: str, tmp_path: Path
) -> None:
    first = starter(persistent=False)
    mine = start_of(Order(data_port=PORT, viewer_command=stands_in))
    assert mine is not None

    first.kill()
    look_until(mine, lambda: len(started(tmp_path)) == 2)

    assert mine.is_under_way
    mine.stop()


def test_a_viewer_that_outlives_its_starter_is_waited_for(
    starter: Callable[..., Any], stands_in: str, tmp_path: Path
) -> None:
    first = starter(persistent=True)
    mine = Start(Order(data_port=PORT, viewer_command=stands_in))
    first.kill()
    first.wait()
    wait_for(lambda: started(tmp_path))

    mine.look()

    [[pid, *_]] = started(tmp_path)
    assert not mine.is_under_way
    os.kill(int(pid), signal.SIGTERM)
    look_until(mine, lambda: mine.is_under_way)  # nobody is left to say why
    mine.stop()


def test_why_a_viewer_failed_is_told_to_all_who_waited_for_it(own_places: Path, stands_in: str) -> None:
    order = Order(data_port=PORT, viewer_command=stands_in)
    first, second = Start(order), Start(order)
    first.look()
    second.look()
    note = read_note(own_places, PORT)
    assert note is not None

    write_note(own_places, PORT, msgspec.structs.replace(note, failure="there was no screen"))

    with pytest.raises(ViewerStartError, match="there was no screen"):
        second.look()
    first.stop()


def test_a_note_that_makes_no_sense_keeps_nobody_from_starting(
    own_places: Path, stands_in: str, tmp_path: Path
) -> None:
    (own_places / f"start-{PORT}.json").write_text('{"id": 7}')

    start = start_of(Order(data_port=PORT, viewer_command=stands_in))

    wait_for(lambda: started(tmp_path))
    stop(start)


def test_while_another_process_has_the_lock_nothing_is_started_and_nobody_waits(
    own_places: Path, stands_in: str, tmp_path: Path
) -> None:
    order = Order(data_port=PORT, viewer_command=stands_in)
    with start_lock(own_places, PORT) as lock:
        assert lock.is_held
        mine = start_of(order)
        with pytest.raises(ViewerStartError, match=rf"start-{PORT}\.lock"):
            hcs_stream.start_viewer(PORT, viewer_command=stands_in, timeout=0.1)

    assert mine is not None
    assert not started(tmp_path)
    mine.look()
    assert mine.is_under_way
    mine.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="locks are not inherited")
def test_what_a_killed_process_just_started_has_its_lock(own_places: Path, tmp_path: Path) -> None:
    holder = """
import os, subprocess, sys
from pathlib import Path
from hcs_stream._start_lock import start_lock
with start_lock(Path(sys.argv[1]), 23456) as lock:
    child = [sys.executable, "-c", "import time; time.sleep(60)"]
    print(subprocess.Popen(child, pass_fds=(lock.descriptor,), stdout=2).pid, flush=True)
    os.kill(os.getpid(), 9)
"""
    command = [sys.executable, "-c", holder, str(own_places)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    child = KnownProcess.of(int(done.stdout))

    with start_lock(own_places, PORT) as lock:
        assert not lock.is_held
    child.end("kill")
    assert child.is_gone_within(20)
    with start_lock(own_places, PORT) as lock:
        assert lock.is_held


def test_a_viewer_that_is_not_persistent_ends_with_its_parent_and_not_with_a_thread(
    stands_in: str, tmp_path: Path
) -> None:
    order = Order(data_port=PORT, viewer_command=stands_in, persistent=False)
    thread = threading.Thread(target=start_of, args=(order,))
    thread.start()
    thread.join()
    wait_for(lambda: started(tmp_path))

    start = start_of(order)

    assert start is not None
    assert start.is_under_way
    assert start._launch is not None
    stdin = start._launch._process.stdin
    assert stdin is not None
    stdin.close()  # as the end of this process does
    assert start._launch._process.wait(timeout=20) == 0
    start.stop()


def test_without_a_viewer_one_reads_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: ())
    monkeypatch.setattr("hcs_stream._viewer_kinds.NAPARI_PROGRAM", "hcs-viewer-that-is-not-installed")

    with pytest.raises(ViewerNotInstalledError, match=r"pip install hcs-viewer\n.*viewer_command="):
        hcs_stream.connect(data_port=PORT)


@pytest.mark.parametrize(
    "host", ["server:7040", "localhost:7040", "tcp://127.0.0.1:7040", ":7040", "http://me:7040/"]
)
def test_a_host_with_its_port_is_refused_and_told_where_that_is_said(host: str) -> None:
    with pytest.raises(InvalidPortError, match=r"the name of a machine.*data_port=7040.*--port 7040"):
        hcs_stream.connect(host=host)


@pytest.mark.parametrize(
    "host", ["server", "server.lab.example", "10.0.0.7", "::1", "fe80::1%eth0", "2001:db8::7040"]
)
def test_names_and_addresses_of_machines_are_taken_as_they_are(host: str) -> None:
    assert ssh_host(None, host) == host
