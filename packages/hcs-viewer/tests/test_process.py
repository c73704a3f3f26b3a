"""`python -m hcs_viewer` as others start it: a process with a window, ports, a connection file and an end."""

import os
import random
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from hcs_protocol import (
    CONTROL_OFFSET,
    Connection,
    Destination,
    Done,
    FrameRef,
    ImageReady,
    ImageSpec,
    Message,
    OrphanedImage,
    Ping,
    Pong,
    Shutdown,
    decode,
    encode,
    read_connection,
)
from hcs_protocol.testing import FakeLender, FakeOpener
from hcs_viewer import ViewerSettings
from hcs_viewer._inbox import ArrivedImage, Inbox, ToReceiver, ToWindow
from hcs_viewer._presence import Presence
from hcs_viewer._process import have_cache, run_viewer
from hcs_viewer._store import Store

pytestmark = pytest.mark.window

PATIENCE_SECONDS = 50
needs_posix = pytest.mark.skipif(os.name == "nt", reason="wants POSIX signals and file modes")

Connect = Callable[..., zmq.SyncSocket]


class OneOrphan:
    """An image that a dead worker owes to the viewer of this port."""

    def __init__(self, port: int) -> None:
        where = FrameRef(frame=1, nbytes=12)
        self.destination = Destination(worker_run="w", host="localhost", data_port=port)
        self.sequence = 1
        self.image = ImageReady(sequence=1, spec=ImageSpec(shape=(2, 3), dtype="uint16"), pixels=where)
        self.pixels = memoryview(bytes(12))

    def adopt_orphans(
        self, is_ours: Callable[[Destination], bool], adopt: Callable[[OrphanedImage], object]
    ) -> int:
        if is_ours(self.destination):
            adopt(self)
        return 1


class Started:
    """A viewer process and what it wrote."""

    def __init__(self, environment: dict[str, str], runtime: Path, *arguments: str) -> None:
        self.runtime = runtime
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hcs_viewer", *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.errors: list[str] = []
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read_errors)
        self._reader.start()

    def path(self) -> Path:
        """Wait until the viewer listens, and return its connection file."""
        assert self._listening.wait(PATIENCE_SECONDS), self.errors
        assert self.process.poll() is None, self.errors
        return next(self.runtime.glob("viewer-*.json"))

    def wait_until_ready(self) -> str:
        """Wait for the line on standard output and return it."""
        assert self.process.stdout
        return self.process.stdout.readline()

    def wait(self) -> int:
        """Wait for the end and return the exit status."""
        return self.process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe
            pipe.close()

    def _read_errors(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.errors.append(line)
            if " listening " in line:
                self._listening.set()
        self._listening.set()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which a viewer touches nothing of this user's."""
    (tmp_path / "run").mkdir(mode=0o700)
    ours = {"HCS_RUNTIME_DIR": "run", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache"}
    return os.environ | {name: str(tmp_path / folder) for name, folder in ours.items()}


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Started]]:
    started: list[Started] = []

    def start_one(*arguments: str) -> Started:
        started.append(Started(environment, tmp_path / "run", *arguments))
        return started[-1]

    yield start_one
    for each in started:
        each.close()


@pytest.fixture
def port() -> int:
    """A data port that is free, and its control port too, as far as one can know."""
    for data_port in random.sample(range(20000, 31000), 1000):  # others look for some at the same time
        with socket.socket() as data, socket.socket() as control:
            try:
                data.bind(("127.0.0.1", data_port))
                control.bind(("127.0.0.1", data_port + CONTROL_OFFSET))
            except OSError:
                continue
            return data_port
    raise AssertionError("no free pair of ports")


@pytest.fixture
def ask(connect: Connect) -> Callable[[Connection, Message], Message]:
    def asked(connection: Connection, message: Message) -> Message:
        names = {"server": "public_key", "public": "client_public_key", "secret": "client_secret_key"}
        keys = {name: getattr(connection, field).encode() for name, field in names.items()}
        client = connect(zmq.REQ, connection.control_port, **keys)
        client.send(encode(message))
        assert client.poll(1000 * PATIENCE_SECONDS), f"no answer to {message}"
        return decode(client.recv())

    return asked


def run(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


# Its life.


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have OpenGL on any screen")
def test_where_nothing_can_be_drawn_it_does_not_start(
    start: Callable[..., Started], environment: dict[str, str], port: int
) -> None:
    environment |= {"QT_QPA_PLATFORM": "offscreen"}
    environment.pop("DISPLAY", None)

    viewer = start("--data-port", str(port))

    assert viewer.wait() == 4
    assert list(viewer.runtime.glob("viewer-*.json")) == []
    viewer.close()
    assert any("no OpenGL on this display" in line for line in viewer.errors)


def test_a_viewer_listens_then_is_ready_then_closes_when_it_is_asked(
    start: Callable[..., Started], port: int, tmp_path: Path, ask: Callable[[Connection, Message], Message]
) -> None:
    viewer = start("--data-port", str(port), "--title", "Assay 7")
    path = viewer.path()
    connection = read_connection(path)
    viewer.process.stdin.close()  # its parent is gone, and it was not told to end with it

    early = ask(connection, Ping(id="1"))
    line = viewer.wait_until_ready()
    late = ask(connection, Ping(id="2"))
    done = ask(connection, Shutdown(id="3"))

    assert isinstance(early, Pong)
    assert early.state in {"starting", "ready"}
    assert line.split() == ["ready", "data", str(port), "control", str(port + 1000)]
    assert (late.state, late.title, late.viewer_run) == ("ready", "Assay 7", connection.viewer_run)
    assert done == Done(reply_to="3")
    assert viewer.wait() == 0
    assert not path.exists()


@needs_posix
def test_its_connection_file_is_readable_by_its_user_alone(start: Callable[..., Started], port: int) -> None:
    viewer = start("--data-port", str(port))

    path = viewer.path()
    connection = read_connection(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (connection.pid, connection.data_port) == (viewer.process.pid, port)


@needs_posix
def test_ctrl_c_ends_it_in_order(start: Callable[..., Started], port: int) -> None:
    viewer = start("--data-port", str(port))
    viewer.wait_until_ready()

    viewer.process.send_signal(signal.SIGINT)

    assert viewer.wait() == 0
    assert not list(viewer.runtime.glob("*"))


@needs_posix
def test_a_signal_ends_it_in_order_before_there_is_a_window(start: Callable[..., Started], port: int) -> None:
    viewer = start("--data-port", str(port))
    viewer.path()

    viewer.process.terminate()

    assert viewer.wait() == 0
    assert not list(viewer.runtime.glob("*"))


@pytest.mark.parametrize("is_ready", [False, True])
def test_it_ends_with_its_parent_if_it_was_told_to(
    start: Callable[..., Started], port: int, is_ready: bool
) -> None:
    viewer = start("--data-port", str(port), "--stdin-is-parent")
    _ = viewer.wait_until_ready() if is_ready else viewer.path()

    viewer.process.stdin.close()

    assert viewer.wait() == 0
    assert not list(viewer.runtime.glob("*"))


@needs_posix
def test_it_ends_with_the_last_process_that_holds_its_pipe(
    start: Callable[..., Started],
    port: int,
    environment: dict[str, str],
    tmp_path: Path,
    ask: Callable[[Connection, Message], Message],
) -> None:
    pipe = tmp_path / "parents"
    os.mkfifo(pipe, 0o600)
    holders = [os.open(pipe, os.O_RDWR) for _ in range(2)]
    environment["HCS_PARENTS"] = str(pipe)
    viewer = start("--data-port", str(port), "--stdin-is-parent")
    connection = read_connection(viewer.path())

    viewer.process.stdin.close()  # as a command does that passes nothing on
    os.close(holders[0])
    viewer.wait_until_ready()
    assert ask(connection, Ping(id="1")).state == "ready"

    os.close(holders[1])
    assert viewer.wait() == 0


def test_its_log_is_in_the_users_log_folder(start: Callable[..., Started], port: int, tmp_path: Path) -> None:
    viewer = start("--data-port", str(port), "--stdin-is-parent")
    viewer.path()
    viewer.process.stdin.close()
    viewer.wait()

    (log,) = (tmp_path / "state").rglob("*.log")
    assert f"listening data={port}" in log.read_text("utf-8")


def test_what_napari_keeps_has_a_place_where_the_home_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("HCS_RUNTIME_DIR", str(tmp_path / "run"))

    have_cache()

    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / "run" / "cache")
    have_cache()
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / "run" / "cache")


def test_its_parts_can_be_others(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCS_RUNTIME_DIR", str(tmp_path))
    lender, owed, store = FakeLender(), OneOrphan(port), Store()
    seen: list[ImageReady] = []

    def run_window(
        settings: ViewerSettings, kept: Store, inbox: Inbox[ToWindow], _: Inbox[ToReceiver], __: Presence
    ) -> None:
        rung = threading.Event()
        inbox.wake_by(rung.set)
        assert rung.wait(PATIENCE_SECONDS)
        arrived = inbox.take()
        assert isinstance(arrived, ArrivedImage)
        seen.append(arrived.ready)
        assert (settings.data_port, kept) == (port, store)

    settings = ViewerSettings(data_port=port)
    run_viewer(settings, blocks=FakeOpener(lender), orphans=owed, run_window=run_window, store=store)

    assert seen == [owed.image]
    assert len(store) == 1
    assert not list(tmp_path.glob("*"))


# What it refuses.


def test_a_taken_port_is_exit_status_3_and_one_line(environment: dict[str, str], port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        ended = run(environment, "-m", "hcs_viewer", "--data-port", str(port))

    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.count("\n") == 1
    assert f"port {port} or {port + 1000} is taken" in ended.stderr


def test_the_next_free_pair_is_taken_if_it_may(start: Callable[..., Started], port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        connection = read_connection(start("--data-port", str(port), "--next-free").path())

    assert connection.data_port > port
    assert connection.requested_port == port


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is always a display")
def test_without_a_display_it_says_so_in_one_line_with_exit_status_4(environment: dict[str, str]) -> None:
    blind = {
        k: v for k, v in environment.items() if k not in {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    }

    ended = run(blind, "-m", "hcs_viewer")

    assert (ended.returncode, ended.stdout) == (4, "")
    assert ended.stderr.count("\n") == 1
    assert "no display" in ended.stderr


@pytest.mark.parametrize("port", ["80", "65000", "x"])
def test_a_wrong_port_is_exit_status_2(environment: dict[str, str], port: str) -> None:
    ended = run(environment, "-m", "hcs_viewer", "--data-port", port)

    assert ended.returncode == 2
    assert f"got {port}" in ended.stderr.replace("'", "")


def test_help_is_the_modules_docstring(environment: dict[str, str]) -> None:
    ended = run(environment, "-m", "hcs_viewer", "--help")

    assert ended.returncode == 0
    assert "Open a napari window that shows what image-processing pipelines send to it" in ended.stdout
    assert "Exit status: 0 closed, 1 could not start, 2 wrong usage, 3 port taken" in ended.stdout


# What it imports.


def test_importing_the_package_imports_no_napari_and_no_qt(environment: dict[str, str]) -> None:
    code = "import hcs_viewer, sys; print({'napari', 'qtpy', 'PyQt6', 'zmq'} & set(sys.modules))"

    assert run(environment, "-c", code).stdout == "set()\n"


def test_it_listens_before_napari_is_imported(environment: dict[str, str]) -> None:
    code = (
        "import hcs_viewer._assembly, hcs_viewer.__main__, sys; print({'napari', 'qtpy'} & set(sys.modules))"
    )

    assert run(environment, "-c", code).stdout == "set()\n"


def test_it_imports_nothing_that_a_first_image_can_do_without(environment: dict[str, str]) -> None:
    names = {"PIL", "filelock", "imagecodecs", "numcodecs", "pandas", "tifffile", "zarr"}
    modules = "hcs_viewer._assembly, hcs_viewer.__main__, hcs_viewer._priming, hcs_viewer._answers"

    found = run(environment, "-c", f"import {modules}, sys; print({names} & set(sys.modules))")

    assert found.stdout == "set()\n", found.stderr


def test_it_can_be_imported_where_there_is_no_fcntl(environment: dict[str, str]) -> None:
    code = "import sys; sys.modules['fcntl'] = None; import hcs_viewer, hcs_viewer._assembly; print('fine')"

    assert run(environment, "-c", code).stdout == "fine\n"


WITH_FEW_FILES = """
import resource
from hcs_viewer._process import MOST_FILES, allow_many_files
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
allow_many_files()
allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
assert allowed == (MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)), allowed
"""


@needs_posix
def test_it_may_have_as_many_files_as_its_user_may_allow_it() -> None:
    # in a process of its own, whose limit it is
    subprocess.run([sys.executable, "-c", WITH_FEW_FILES], timeout=PATIENCE_SECONDS, check=True)
