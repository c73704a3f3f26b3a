"""`hcs-stream start`: a viewer that is ready, or the reason by its exit status."""

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from hcs_stream._processes import living_process
from hcs_stream.cli import main

Captured = pytest.CaptureFixture[str]

PORT = 23_456


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], str]:
    """Make a viewer command of a few lines of Python."""

    def make(code: str) -> str:
        path = tmp_path / "viewer.py"
        path.write_text(code)
        return shlex.join([sys.executable, str(path)])

    return make


def test_one_that_runs_is_not_started_again(viewer: Any, capsys: Captured) -> None:
    known = viewer.connection

    assert main(["start", str(known.data_port)]) == 0
    assert capsys.readouterr().out == (
        f"runs already  data {known.data_port}  control {known.control_port}  pid {known.pid}  fake\n"
    )


def test_programs_read_its_ports(viewer: Any, capsys: Captured) -> None:
    port = viewer.connection.data_port

    assert main(["start", str(port), "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["data_port"], line["requested_port"], line["started"]) == (port, port, False)


def test_one_that_runs_already_does_not_end_with_this_command(viewer: Any, capsys: Captured) -> None:
    port = viewer.connection.data_port

    assert main(["start", str(port), "--foreground"]) == 1
    assert f"viewer {port} 'fake' runs already" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "expected"), [(1, 1), (3, 3), (4, 4), (77, 1)])
def test_why_it_did_not_start_is_said_by_the_exit_status(
    program: Callable[[str], str], capsys: Captured, status: int, expected: int
) -> None:
    command = program(f"print('that is why\\x1b[1m'); raise SystemExit({status})")

    assert main(["start", str(PORT), "--command", command]) == expected
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"hcs-stream: the viewer for port {PORT} ended with exit code {status}")
    assert said.err.endswith("that is why?[1m\n")


@pytest.mark.parametrize(
    ("options", "takes_next"),
    [([], True), ([str(PORT)], False), ([str(PORT), "--next-free"], True)],
)
def test_a_port_that_is_named_is_taken_or_refused(
    program: Callable[[str], str],
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    takes_next: bool,
) -> None:
    monkeypatch.setenv("HCS_DATA_PORT", str(PORT))
    command = program("import sys; print('said', sys.argv[1:]); raise SystemExit(1)")

    assert main(["start", *options, "--title", "Assay 7", "--command", command]) == 1
    said = capsys.readouterr().err
    assert f"'--data-port', '{PORT}', '--title', 'Assay 7'" in said
    assert ("--next-free" in said) == takes_next


IN_THE_FOREGROUND = """
import os, sys
import msgspec, psutil
from pathlib import Path
from hcs_protocol import Connection, start_ticks, write_connection
fake = msgspec.json.decode({file!r}, type=Connection)
me = dict(pid=os.getpid(), start_time=psutil.Process().create_time(), start_ticks=start_ticks(os.getpid()))
write_connection(msgspec.structs.replace(fake, **me), [Path({folder!r})])
assert "--stdin-is-parent" in sys.argv
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can press Ctrl-C for it there")
def test_a_viewer_in_the_foreground_ends_with_its_command(
    viewer: Any, own_places: Path, program: Callable[[str], str]
) -> None:
    file = viewer.path.read_bytes()
    viewer.path.unlink()
    command = program(IN_THE_FOREGROUND.format(file=file, folder=str(own_places)))
    start = [sys.executable, "-m", "hcs_stream", "start", str(viewer.connection.data_port), "--foreground"]

    with subprocess.Popen([*start, "--command", command], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            standing_in = psutil.Process(int(ready.split()[6]))
            viewer.on_shutdown = standing_in.terminate
            process.send_signal(signal.SIGINT)

            assert process.wait(timeout=40) == 0
        finally:
            process.kill()
    assert ready.startswith(f"ready  data {viewer.connection.data_port}")
    assert living_process(standing_in.pid, standing_in.create_time()) is None


def test_a_command_that_does_not_exist_is_named(capsys: Captured) -> None:
    assert main(["start", str(PORT), "--command", "/no-such-program"]) == 1
    assert "no-such-program" in capsys.readouterr().err


def test_a_kind_that_is_not_installed_is_named_with_those_that_are(capsys: Captured) -> None:
    assert main(["start", str(PORT), "--kind", "fiji"]) == 1
    assert "found 'fiji'" in capsys.readouterr().err
