"""Images go to a viewer on another machine through ssh: a real server of it, and folders of their own.

"There" is this machine too, with another runtime folder; the worker here has shared memory of its own, which
the viewer there cannot read.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from sshd import ssh_server

import hcs_stream
from hcs_protocol import State

if sys.platform == "win32":
    pytest.skip("the server is a Unix one", allow_module_level=True)

LONG = 50
SEND = """
import sys, numpy as np, hcs_stream
place, port, count, run = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
words = {"ssh": place} if place != "localhost" else {}
with hcs_stream.connect(data_port=port, run=run, timeout=40, **words) as stream:
    for number in range(1, count + 1):
        stream.send(np.full((256, 256), number % 256, "uint8"), site=number)
        print(number, flush=True)
    stream.flush(40)
    tunnels = [viewer for viewer in hcs_stream.viewers() if viewer.connection.tunnel]  # others may run, too
    print(stream.counters.adopted, bool(tunnels), flush=True)
"""
HOLD = """
import sys, hcs_stream
with hcs_stream.connect(sys.argv[1], data_port=int(sys.argv[2]), timeout=40):
    print("connected", flush=True)
    sys.stdin.read()
"""
LEAVE = """
import os, sys, numpy as np, hcs_stream
os.environ["HCS_SSH"] = "ssh -F /nowhere"  # no way is open
with hcs_stream.connect(sys.argv[1], data_port=int(sys.argv[2]), run="left", wait=False) as stream:
    for site in range(3):
        stream.send(np.full((64, 64), site, "uint8"), site=site)
    stream.close(0.5)
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, viewer: hcs_stream.Viewer) -> dict[str, str]:
    """Make this another machine than the viewer's, as far as folders can; return the viewer's environment."""
    there = {name: os.environ[name] for name in ("HCS_RUNTIME_DIR", "XDG_RUNTIME_DIR", "HCS_SHM_DIR")}
    for name in there:
        place = tmp_path / name.lower()
        place.mkdir(mode=0o700)
        monkeypatch.setenv(name, str(place))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return there


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: dict[str, str]) -> Iterator[str]:
    """An ssh server on the viewer's machine."""
    folder = tmp_path / "sshd"
    folder.mkdir()
    with ssh_server(folder, here) as client:
        monkeypatch.setenv("HCS_SSH", client)
        yield client


def test_images_sent_by_a_host_name_are_shown_there(
    viewer: hcs_stream.Viewer, ssh: str, python: Run, wait_until: Callable[..., State]
) -> None:
    port = viewer.connection.data_port

    done = python(SEND, "there", port, 5, "through ssh")

    assert done.stderr == ""
    assert done.stdout.split()[-2:] == ["5", "True"]
    state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == 5)
    assert {layer.run for layer in state.layers} == {"through ssh"}


def test_one_machine_may_lie_in_between(viewer: hcs_stream.Viewer, ssh: str, python: Run) -> None:
    done = python(SEND, "ssh://gateway/there", viewer.connection.data_port, 3, "behind")

    assert done.stdout.split()[-2:] == ["3", "True"], done.stderr


@pytest.mark.long
def test_nothing_is_lost_though_the_tunnel_is_cut_five_times(
    viewer: hcs_stream.Viewer, ssh: str, wait_until: Callable[..., State]
) -> None:
    port, count = viewer.connection.data_port, 1000
    command = [sys.executable, "-c", SEND, "there", str(port), str(count), "cut"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout
        for line in worker.stdout:
            number = int(line.split()[0])
            if number in range(100, 600, 100) and len(line.split()) == 1:
                _cut_the_tunnel_of(worker.pid)
        last = line.split()
    assert (worker.returncode, last) == (0, [str(count), "True"])

    state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) >= count)
    assert sum(layer.images for layer in state.layers) == count


@pytest.mark.parametrize(("name", "how"), [("end", signal.SIGTERM), ("kill", signal.SIGKILL)])
def test_the_tunnel_ends_with_its_process(
    viewer: hcs_stream.Viewer, ssh: str, name: str, how: signal.Signals
) -> None:
    command = [sys.executable, "-c", HOLD, "there", str(viewer.connection.data_port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout
        assert worker.stdout.readline() == "connected\n"
        tunnel = _tunnel_of(worker.pid)

        worker.send_signal(how)
        worker.wait(LONG)

    psutil.wait_procs([tunnel], LONG)
    assert not tunnel.is_running()


@pytest.mark.parametrize(
    ("place", "helps"),
    [
        ("stranger", "its key is not known here: run 'ssh stranger' once"),
        ("unwelcome", "ssh-copy-id unwelcome"),
        ("nowhere", "no ssh server answers there"),
        ("no.such.machine.invalid", "is it spelled so"),
    ],
)
def test_what_is_wrong_with_ssh_is_told_with_what_helps(
    viewer: hcs_stream.Viewer, ssh: str, python: Run, place: str, helps: str
) -> None:
    done = python(SEND, place, viewer.connection.data_port, 1, "never")

    assert done.returncode == 1
    assert helps in done.stderr.splitlines()[-1]


def test_a_viewer_that_does_not_run_there_is_missed(viewer: hcs_stream.Viewer, ssh: str, python: Run) -> None:
    done = python(SEND, "there", 2000, 1, "never")

    assert "no viewer of this user runs on port 2000; running:" in done.stderr.splitlines()[-1]


def test_a_server_that_forbids_tunnels_is_told(
    viewer: hcs_stream.Viewer, here: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ssh_server(tmp_path, here, forwards=False) as client:
        monkeypatch.setenv("HCS_SSH", client)
        done = _hcs_viewer("connection", "--ssh", "there", HCS_RUNTIME_DIR=here["HCS_RUNTIME_DIR"])

    assert done.returncode == 1
    assert "AllowTcpForwarding yes" in done.stderr


def test_the_commands_reach_it_too(viewer: hcs_stream.Viewer, ssh: str) -> None:
    port = str(viewer.connection.data_port)

    listed = _hcs_stream("viewers", "--ssh", "there", "--json")
    told = _hcs_stream("state", port, "--ssh", "there", "--json")

    [line] = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (line["viewer_run"], line["host"]) == (viewer.connection.viewer_run, "ssh://there")
    assert json.loads(told.stdout)["viewer_run"] == viewer.connection.viewer_run, told.stderr


def test_a_command_of_the_ssh_configuration_is_not_run_instead(viewer: hcs_stream.Viewer, ssh: str) -> None:
    listed = _hcs_stream("viewers", "--ssh", "attached", "--json")

    assert [json.loads(line)["viewer_run"] for line in listed.stdout.splitlines()] == [
        viewer.connection.viewer_run
    ], listed.stderr


def test_a_viewer_that_runs_there_is_not_started_once_more(
    viewer: hcs_stream.Viewer, ssh: str, tmp_path: Path, python: Run
) -> None:
    started = tmp_path / "started"
    code = SEND.replace("timeout=40,", f"timeout=40, viewer_command={f'{ssh} there touch {started}'!r},")

    done = python(code, "there", viewer.connection.data_port, 2, "not twice")

    assert done.stdout.split()[-2:] == ["2", "True"], done.stderr
    assert not started.exists()


def test_what_a_worker_left_is_sent_when_the_way_is_open_again(
    viewer: hcs_stream.Viewer, ssh: str, python: Run, wait_until: Callable[..., State]
) -> None:
    port = viewer.connection.data_port

    left = python(LEAVE, "there", port)
    again = _hcs_stream("resend", "--ssh", "there")

    assert "left=3; within the hour 'hcs-stream resend'" in left.stderr
    assert (again.returncode, again.stdout) == (0, f"sent 3 images to ssh://there:{port}\n"), again.stderr
    state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == 3)
    assert {layer.run for layer in state.layers} == {"left"}


def test_a_viewer_here_is_lent_to_workers_there(
    viewer: hcs_stream.Viewer,
    here: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    python: Run,
) -> None:
    server = {name: os.environ[name] for name in here}
    folder = tmp_path / "sshd"
    folder.mkdir()
    with ssh_server(folder, server) as client:
        monkeypatch.setenv("HCS_SSH", client)
        port = viewer.connection.data_port
        command = [sys.executable, "-m", "hcs_viewer", "connection", str(port), "--ssh", "there"]
        at_workstation = os.environ | here
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=at_workstation) as lending:
            assert lending.stdout
            assert lending.stdout.readline().startswith("ready  there:")

            done = python(SEND, "localhost", port, 4, "from the server")
            lending.send_signal(signal.SIGINT)
            assert lending.wait(LONG) == 0

        assert done.stdout.split()[-2:] == ["4", "True"], done.stderr
        _wait_until_empty(Path(server["HCS_RUNTIME_DIR"]))


def _tunnel_of(pid: int) -> psutil.Process:
    """Return the ssh that a worker keeps."""
    while True:
        for child in psutil.Process(pid).children(recursive=True):
            try:
                words = child.cmdline()
            except psutil.Error:
                continue
            if words and Path(words[0]).name == "ssh" and "-N" in words:
                return child


def _cut_the_tunnel_of(pid: int) -> None:
    while True:
        with contextlib.suppress(psutil.NoSuchProcess):  # the one before, which was only just cut
            _tunnel_of(pid).kill()
            return


def _wait_until_empty(folder: Path) -> None:
    while list(folder.glob("viewer-*.json")):  # a test's timeout ends what never comes
        os.sched_yield()


def _hcs_stream(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "hcs_stream", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=LONG, check=False)


def _hcs_viewer(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "hcs_viewer", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=LONG, check=False, env=os.environ | environment
    )
