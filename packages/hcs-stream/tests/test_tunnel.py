"""A viewer on another machine is reached through a tunnel, which a script makes that stands in for ssh."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest

import hcs_stream
from hcs_protocol import (
    Connection,
    ConnectionFileError,
    Tunnel,
    TunnelError,
    ViewerStartError,
    this_machine,
    write_connection,
)
from hcs_protocol.ssh import SshPlace, ssh_place
from hcs_stream import _registry, _tunnel, _tunnels
from hcs_stream._processes import KnownProcess
from hcs_stream._tunnel import TunnelKeeper, fetch_connection, fetch_connections, near_end
from hcs_stream._tunnels import await_viewer, close_tunnels, give_up, reach
from hcs_stream._viewers import find_viewer
from hcs_stream._whereabouts import is_here, is_kept
from hcs_stream.cli import main
from hcs_stream.commands import _ssh_option
from hcs_stream.commands._viewers_command import list_viewers

LONG = 30.0
SCRIPT = Path(__file__).with_name("fake_ssh.py")
THERE = "ssh://me@server"


class FakeSsh:
    """What the script is told, and what it was called with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def leads_to(self, *connections: Connection) -> None:
        """Say which viewers run there."""
        said = "\n".join(msgspec.json.encode(each).decode() for each in connections)
        (self.folder / "says").write_text(f"{said}\n")

    def fails(self, status: int, text: str) -> None:
        """Let it end so from now on."""
        (self.folder / "fails").write_text(f"{status} {text}")

    @property
    def calls(self) -> list[str]:
        """Its command lines."""
        return (self.folder / "argv").read_text().splitlines()

    @property
    def pids(self) -> list[int]:
        """Of those that forward ports."""
        return [int(line) for line in (self.folder / "pids").read_text().splitlines()]


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSsh]:
    """Let a script be ssh."""
    folder = tmp_path / "ssh"
    folder.mkdir()
    monkeypatch.setenv("FAKE_SSH", str(folder))
    monkeypatch.setenv("HCS_SSH", shlex.join([sys.executable, str(SCRIPT)]))
    for name in ("WATCH_SECONDS", "ANSWER_SECONDS", "FIRST_REST_SECONDS"):
        monkeypatch.setattr(_tunnel, name, 0.1)
    yield FakeSsh(folder)
    close_tunnels()


@pytest.fixture
def far(viewer: Any, ssh: FakeSsh) -> Any:
    """A viewer that only ssh leads to."""
    viewer.path.unlink()
    ssh.leads_to(msgspec.structs.replace(viewer.connection, machine="another"))
    return viewer


@pytest.fixture
def connected(holdings: Any, far: Any) -> Iterator[Callable[..., hcs_stream.Stream]]:
    """Connect to the viewer that only ssh leads to."""

    def connect(*place: str, **keywords: Any) -> hcs_stream.Stream:
        return hcs_stream.connect(*place, data_port=far.connection.data_port, timeout=LONG, **keywords)

    yield connect
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HCS_EXIT_TIMEOUT", "0.1")
        _registry.close_publishers()


def test_images_arrive_through_it(connected: Callable[..., hcs_stream.Stream], far: Any) -> None:
    with connected("me@server") as stream:
        stream.send(np.full((4, 5), 7, "uint8"), well="A01")
        stream.flush(LONG)

    assert far.pixels() == [bytes([7] * 20)]


def test_none_is_made_to_a_viewer_that_lets_everybody_in(
    connected: Callable[..., hcs_stream.Stream], far: Any, ssh: FakeSsh
) -> None:
    keyless = {"public_key": "", "client_public_key": "", "client_secret_key": ""}
    ssh.leads_to(msgspec.structs.replace(far.connection, machine="another", **keyless))

    with pytest.raises(TunnelError, match=r"lets in everybody .* start it without --insecure"):
        connected("me@server")
    assert not any("-L" in call for call in ssh.calls)


@pytest.mark.parametrize("host", ["me@server", "ssh://me@server"])
def test_a_host_may_say_it(connected: Callable[..., hcs_stream.Stream], far: Any, host: str) -> None:
    with connected(host=host) as stream:
        stream.send(np.zeros((4, 5), "uint8"))
        stream.flush(LONG)

    assert len(far.pixels()) == 1


def test_the_machine_behind_another_is_reached(
    connected: Callable[..., hcs_stream.Stream], far: Any, ssh: FakeSsh
) -> None:
    connected("me@gateway", host="me@inner").close()

    assert all("me@gateway" in call and " -- me@inner" in call for call in ssh.calls)


def test_images_arrive_though_it_is_cut(
    connected: Callable[..., hcs_stream.Stream], far: Any, ssh: FakeSsh
) -> None:
    with connected("me@server") as stream:
        for value in range(30):
            stream.send(np.full((4, 5), value, "uint8"))
            if value % 10 == 5:
                with contextlib.suppress(ProcessLookupError):  # the one before is not replaced yet
                    os.kill(ssh.pids[-1], signal.SIGKILL)
        stream.flush(LONG)

    assert {pixels[0] for pixels in far.pixels()} == set(range(30))
    assert len(ssh.pids) > 1


def test_the_viewer_that_comes_after_gets_the_images(
    connected: Callable[..., hcs_stream.Stream], far: Any, ssh: FakeSsh, new_viewer: Callable[..., Any]
) -> None:
    port = far.connection.data_port
    with connected("me@server") as stream:
        stream.send(np.full((4, 5), 1, "uint8"))
        stream.flush(LONG)
        far.kill()
        stream.send(np.full((4, 5), 2, "uint8"))
        after = new_viewer()
        after.path.unlink()
        ssh.leads_to(msgspec.structs.replace(after.connection, requested_port=port, machine="another"))
        stream.flush(LONG)

    assert after.pixels() == [bytes([2] * 20)]


EXITS = """
from hcs_stream import _registry, _tunnels

class Keeper:
    def __init__(self, *place):
        pass

    def start(self):
        pass

    def close(self):
        print("tunnel closed")

class Waiting:
    def close(self, timeout):
        print("images awaited")
        return 0

_tunnels.TunnelKeeper = Keeper
_registry.await_exit()
_registry.join_publisher(("localhost", 5555), Waiting)
_tunnels.reach("me@server", 5555)
"""


def test_a_process_that_ends_waits_for_its_images_before_it_closes_the_tunnel() -> None:
    done = subprocess.run([sys.executable, "-c", EXITS], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == ["images awaited", "tunnel closed"]


def test_who_watches_a_machine_sees_viewers_come(
    far: Any,
    ssh: FakeSsh,
    new_viewer: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(_ssh_option, "NEW_ONES_SECONDS", 0.05)
    other = new_viewer()
    other.path.unlink()
    elsewhere = [msgspec.structs.replace(each.connection, machine="another") for each in (far, other)]
    seen: set[str] = set()

    def look(seconds: float) -> None:
        seen.update(json.loads(line)["viewer_run"] for line in capsys.readouterr().out.splitlines())
        if seen == {far.viewer_run}:
            ssh.leads_to(*elsewhere)
        elif len(seen) == 2:
            raise KeyboardInterrupt

    options = Namespace(ssh="me@server", host="localhost", watch=True, json=True)
    assert list_viewers(options, sleep=look) == 0
    for thread in threading.enumerate():
        if thread.name == "hcs-reach":
            thread.join()
    assert seen == {far.viewer_run, other.viewer_run}


def test_where_no_viewer_runs_the_machine_is_named(ssh: FakeSsh, capsys: pytest.CaptureFixture[str]) -> None:
    ssh.leads_to()

    assert main(["viewers", "--ssh", "me@server"]) == 1
    assert capsys.readouterr().err == "hcs-stream: no viewer of this user runs on ssh://me@server\n"


def test_an_empty_name_is_no_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["viewers", "--ssh", ""]) == 1
    assert "wanted a machine as 'user@server'" in capsys.readouterr().err


def test_keys_are_in_no_command_line_and_no_environment(
    connected: Callable[..., hcs_stream.Stream], far: Any, ssh: FakeSsh
) -> None:
    with connected("me@server"):
        environment = Path(f"/proc/{ssh.pids[-1]}/environ")
        said = environment.read_text() if environment.exists() else ""

    secret = far.connection.client_secret_key
    assert secret not in said + "".join(ssh.calls)


def test_the_tunnel_is_found_by_its_machine_alone(far: Any) -> None:
    port = far.connection.data_port
    reach(THERE, port)

    viewer = await_viewer(THERE, port, LONG)

    assert viewer is not None
    assert viewer.connection.viewer_run == far.viewer_run
    assert viewer.connection.requested_port == port
    assert find_viewer(port) is None
    assert find_viewer(port, host="me@server") is not None
    assert not is_here(viewer.connection)
    give_up(THERE, port)
    assert find_viewer(port, host=THERE) is None
    assert not viewer.path.exists()


HOLD = """
import sys
from hcs_stream._tunnels import await_viewer, reach
reach(sys.argv[1], int(sys.argv[2]))
print(await_viewer(sys.argv[1], int(sys.argv[2]), 30).path, flush=True)
sys.stdin.read()
"""


def test_one_process_keeps_it_for_all_and_another_takes_over(far: Any, ssh: FakeSsh) -> None:
    command = [sys.executable, "-c", HOLD, THERE, str(far.connection.data_port)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    try:
        paths = {process.stdout.readline() for process in processes if process.stdout}
        assert (len(paths), len(ssh.pids)) == (1, 1)
        keeper = psutil.Process(ssh.pids[0]).parent()
        assert keeper is not None

        next(process for process in processes if process.pid == keeper.ppid()).kill()
        while len(ssh.pids) < 2:
            pass
    finally:
        for process in processes:
            with process:
                process.kill()
    assert len(ssh.pids) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="a script of a POSIX shell")
def test_an_ssh_that_hangs_does_not_outlive_its_tunnel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pid")
    (tmp_path / "hangs").write_text(f"echo $$ > {tmp_path / 'pid'}; exec sleep 1000")
    monkeypatch.setenv("HCS_SSH", f"sh {tmp_path / 'hangs'}")
    keeper = TunnelKeeper(ssh_place(THERE), 5555)
    keeper.start()
    hanging = KnownProcess.of(int((tmp_path / "pid").read_text()))

    keeper.close()

    assert hanging.is_gone_within(LONG)


def test_a_viewer_that_was_closed_there_is_gone_here(far: Any, ssh: FakeSsh) -> None:
    port = far.connection.data_port
    reach(THERE, port)
    viewer = await_viewer(THERE, port, LONG)
    assert viewer is not None

    ssh.fails(1, "hcs-viewer: no viewer of this user runs on port 5555")
    far.kill()

    while viewer.path.exists():
        pass
    assert find_viewer(port, host=THERE) is None


def test_without_the_process_that_keeps_it_the_viewer_is_out_of_reach(far: Any, own_places: Path) -> None:
    gone = near_end(far.connection, [4000, 4001], THERE, "server", 5555)
    assert gone.tunnel
    gone = msgspec.structs.replace(gone, tunnel=msgspec.structs.replace(gone.tunnel, pid=2**22 + 1))
    path = write_connection(gone, [own_places])

    assert hcs_stream.viewers() == []
    assert find_viewer(5555, host=THERE) is None
    assert not path.exists()


def test_a_tunnel_of_another_machine_is_none_of_this_one(far: Any, own_places: Path) -> None:
    theirs = near_end(far.connection, [4000, 4001], THERE, "server", 5555)
    assert theirs.tunnel
    theirs = msgspec.structs.replace(theirs, tunnel=msgspec.structs.replace(theirs.tunnel, machine="other"))
    path = write_connection(theirs, [own_places])

    assert not is_kept(theirs.tunnel)
    assert find_viewer(5555, host=THERE) is None
    assert path.exists()


@pytest.mark.parametrize(
    ("status", "said", "helps"),
    [
        (255, "Host key verification failed.", "run 'ssh me@server' once in a terminal"),
        (255, "me@server: Permission denied (publickey).", "ssh-copy-id me@server"),
        (127, "bash: hcs-viewer: command not found", "HCS_REMOTE_VIEWER="),
        (1, "hcs-viewer: no viewer of this user runs on port 5555", "no viewer of this user runs"),
    ],
)
def test_what_keeps_ssh_from_it_is_told_at_once(
    connected: Callable[..., hcs_stream.Stream], ssh: FakeSsh, status: int, said: str, helps: str
) -> None:
    ssh.fails(status, said)

    with pytest.raises(TunnelError) as raised:
        connected("me@server")

    assert helps in str(raised.value)
    assert _tunnels._keepers == {}


STARTS = """
import pathlib, sys
folder = pathlib.Path(sys.argv[1])
with (folder / "started").open("a") as file:
    file.write("once\\n")
(folder / "fails").unlink(missing_ok=True)
"""


def test_a_viewer_that_runs_there_is_not_started_again(
    connected: Callable[..., hcs_stream.Stream], far: Any, ssh: FakeSsh
) -> None:
    command = [sys.executable, "-c", STARTS, str(ssh.folder)]

    with connected("me@server", viewer_command=command) as stream:
        stream.send(np.full((4, 5), 4, "uint8"))
        stream.flush(LONG)

    assert far.pixels() == [bytes([4] * 20)]
    assert not (ssh.folder / "started").exists()


@pytest.mark.parametrize("wait", [True, False])
def test_a_viewer_that_does_not_run_there_is_started_once_and_found(
    connected: Callable[..., hcs_stream.Stream], far: Any, ssh: FakeSsh, wait: bool
) -> None:
    ssh.fails(1, "hcs-viewer: no viewer of this user runs on port 5555")
    command = [sys.executable, "-c", STARTS, str(ssh.folder)]

    with connected("me@server", viewer_command=command, wait=wait) as stream:
        stream.send(np.full((4, 5), 5, "uint8"))
        stream.flush(LONG)

    assert far.pixels() == [bytes([5] * 20)]
    assert (ssh.folder / "started").read_text() == "once\n"


def test_no_viewer_is_started_where_ssh_does_not_get_in(
    connected: Callable[..., hcs_stream.Stream], ssh: FakeSsh
) -> None:
    ssh.fails(255, "me@server: Permission denied (publickey).")
    command = [sys.executable, "-c", STARTS, str(ssh.folder)]

    with pytest.raises(TunnelError, match="ssh-copy-id"):
        connected("me@server", viewer_command=command)

    assert not (ssh.folder / "started").exists()


def test_why_a_viewer_that_was_started_there_ended_is_told(
    connected: Callable[..., hcs_stream.Stream], ssh: FakeSsh
) -> None:
    ssh.fails(1, "hcs-viewer: no viewer of this user runs on port 5555")
    command = [sys.executable, "-c", "print('no display'); raise SystemExit(4)"]

    with pytest.raises(ViewerStartError, match="no display"):
        connected("me@server", viewer_command=command)


def test_a_viewer_that_was_started_there_and_is_not_found_is_told(ssh: FakeSsh) -> None:
    ssh.fails(1, "hcs-viewer: no viewer of this user runs on port 5555")
    command = [sys.executable, "-c", "print('gone to the background')"]

    with pytest.raises(ViewerStartError, match=r"(?s)the background.*'hcs-viewer connection 5555' does not"):
        hcs_stream.connect("me@server", data_port=5555, viewer_command=command, timeout=2)

    close_tunnels()


def test_images_wait_for_a_machine_that_cannot_be_reached_yet(
    connected: Callable[..., hcs_stream.Stream], far: Any, ssh: FakeSsh
) -> None:
    ssh.fails(255, "ssh: connect to host server port 22: No route to host")
    with connected("me@server", wait=False) as stream:
        stream.send(np.full((4, 5), 3, "uint8"))
        while not ssh.folder.joinpath("argv").exists():
            pass
        (ssh.folder / "fails").unlink()
        stream.flush(LONG)

    assert far.pixels() == [bytes([3] * 20)]


def test_what_a_shell_says_before_the_file_does_no_harm(far: Any) -> None:
    place = SshPlace("me@server")

    assert fetch_connection(place, 5555).viewer_run == far.viewer_run
    assert [each.viewer_run for each in fetch_connections(place)] == [far.viewer_run]


def test_what_is_no_connection_file_is_an_error(ssh: FakeSsh) -> None:
    (ssh.folder / "says").write_text("{}")

    with pytest.raises(ConnectionFileError, match="by ssh me@server"):
        fetch_connection(SshPlace("me@server"), 5555)


def test_another_host_without_a_file_says_how_to_get_one() -> None:
    with pytest.raises(ConnectionFileError) as raised:
        hcs_stream.connect(host="imaging-3", data_port=5601)

    said = str(raised.value)
    assert "ssh imaging-3 hcs-viewer connection 5601 --host imaging-3 | hcs-stream connection add -" in said
    assert "USER@imaging-3" in said


def test_a_tunnel_on_the_same_machine_hides_no_process(far: Any) -> None:
    here = msgspec.structs.replace(far.connection, machine=this_machine())
    keeper = KnownProcess.of(os.getpid())
    tunnel = Tunnel(host=THERE, far_end="server", pid=keeper.pid, start_time=keeper.start_time)

    assert is_here(msgspec.structs.replace(here, tunnel=tunnel)) is bool(this_machine())
