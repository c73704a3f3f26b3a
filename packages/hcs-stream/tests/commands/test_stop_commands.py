"""`hcs-stream stop` and `kill`: what ended, how, and what is never touched."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from hcs_protocol import write_connection
from hcs_stream.cli import main

Captured = pytest.CaptureFixture[str]

SLEEPS = "import time; time.sleep(60)"
HOLDS_OUT = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"


@pytest.fixture
def new_process() -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Start a few lines of Python: `new_process(code)`."""
    started: list[subprocess.Popen[bytes]] = []

    def start(code: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def viewer_of(new_viewer: Any, own_places: Path) -> Callable[..., int]:
    """Give a process a connection file: `viewer_of(process, owns_process=True)`; returns its port.

    Somebody else answers for it that it closes, and it does not.
    """

    def give(
        process: subprocess.Popen[bytes],
        on_shutdown: Callable[[Path], object] = lambda path: None,
        **fields: Any,
    ) -> int:
        viewer = new_viewer()
        viewer.on_shutdown = partial(on_shutdown, viewer.path)
        known = viewer.connection
        started = psutil.Process(process.pid).create_time()
        fields = {"start_time": started, "start_ticks": 0, "title": "Assay 7", **fields}
        write_connection(msgspec.structs.replace(known, pid=process.pid, **fields), [own_places])
        return int(known.data_port)

    return give


def is_suspended(process: subprocess.Popen[bytes]) -> bool:
    return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED


def test_a_viewer_that_does_not_close_is_terminated_and_that_is_said(
    new_process: Any, viewer_of: Any, capsys: Captured
) -> None:
    process = new_process(SLEEPS)
    port = viewer_of(process)

    assert main(["stop", str(port), "--timeout", "0.05"]) == 0
    assert process.wait(timeout=20) == -signal.SIGTERM
    assert capsys.readouterr().out == (
        f"viewer {port} 'Assay 7' was terminated: it did not close within 0.05 s\n"
    )


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be stopped here")
@pytest.mark.parametrize(("command", "word"), [("stop", "frozen"), ("kill", "killed")])
def test_a_frozen_viewer_is_ended_at_once(
    new_process: Any, viewer_of: Any, capsys: Captured, command: str, word: str
) -> None:
    process = new_process(SLEEPS)
    port = viewer_of(process)
    process.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + 20
    while not is_suspended(process):
        assert time.monotonic() < deadline, "it never came about"

    assert main([command, str(port)]) == 0
    assert process.wait(timeout=20) < 0
    assert word in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM cannot be ignored there")
def test_several_are_ended_at_once_and_programs_read_how(
    new_process: Any, viewer_of: Any, capsys: Captured
) -> None:
    processes = [new_process(code) for code in (SLEEPS, HOLDS_OUT)]
    processes[1].stdout.readline()  # it ignores SIGTERM by now
    ports = [viewer_of(process) for process in processes]

    assert main(["stop", *map(str, ports), "--timeout", "0.05", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [(line["data_port"], line["pid"]) for line in lines] == [
        (port, process.pid) for port, process in zip(ports, processes, strict=True)
    ]
    assert lines[1]["ended"] == "killed"


def test_all_are_stopped(new_process: Any, viewer_of: Any, capsys: Captured) -> None:
    processes = [new_process(SLEEPS) for _ in range(2)]
    for process in processes:
        viewer_of(process)

    assert main(["stop", "--all", "--timeout", "0.05"]) == 0
    assert all(process.wait(timeout=20) for process in processes)
    assert main(["stop", "--all"]) == 0
    assert "there is nothing to stop" in capsys.readouterr().err


def test_kill_ends_a_viewer_by_its_process(new_process: Any, viewer_of: Any, capsys: Captured) -> None:
    process = new_process(SLEEPS)
    port = viewer_of(process)

    assert main(["kill", str(port)]) == 0
    assert process.wait(timeout=20) == -signal.SIGKILL
    assert capsys.readouterr().out == f"viewer {port} 'Assay 7' was killed\n"
    assert main(["kill", str(port)]) == 1  # its connection file is gone with it


@pytest.mark.parametrize("fields", [{"owns_process": False}, {"host": "gpu-node"}])
def test_what_is_not_ours_to_kill_is_left_and_named(
    new_process: Any, viewer_of: Any, capsys: Captured, fields: dict[str, Any]
) -> None:
    process = new_process(SLEEPS)
    port = viewer_of(process, **fields)

    assert main(["kill", str(port), "--host", fields.get("host", "localhost")]) == 1
    assert process.poll() is None
    assert f"port={port}" in capsys.readouterr().err


def test_a_napari_that_its_user_started_stops_listening_and_stays(
    new_process: Any, viewer_of: Any, capsys: Captured
) -> None:
    process = new_process(SLEEPS)
    port = viewer_of(process, owns_process=False, on_shutdown=lambda path: path.unlink())

    assert main(["stop", str(port)]) == 0
    assert process.poll() is None
    assert capsys.readouterr().out == f"viewer {port} 'Assay 7' stopped listening\n"


def test_a_stranger_with_the_pid_of_a_viewer_is_no_viewer(
    new_process: Any, viewer_of: Any, capsys: Captured
) -> None:
    process = new_process(SLEEPS)
    port = viewer_of(process, start_time=1.0)

    assert main(["kill", str(port)]) == 1
    assert process.poll() is None
    assert f"no viewer runs on port {port}" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["stop"], ["stop", "5555", "--all"], ["kill"], ["kill", "x"]])
def test_who_says_not_which_viewer_used_it_wrongly(arguments: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert f"usage: hcs-stream {arguments[0]}" in capsys.readouterr().err
