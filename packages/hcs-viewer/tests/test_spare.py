"""The door of a spare viewer, as one process after the other knocks at it."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyvirtualdisplay.display import Display

from hcs_protocol import SPARE_TAKEN, SpareOffer, SpareRequest, decode_spare_offer, encode_spare
from hcs_protocol.testing import FakeClock
from hcs_viewer._spare import LIFETIME_SECONDS, Door, Taken, only_spare

pytestmark = pytest.mark.skipif(not hasattr(socket, "send_fds"), reason="wants sockets that pass files on")

REQUEST = SpareRequest(arguments=["--data-port", "5557"], settings={"HCS_RUN": "7"}, folder="/")
PATIENCE_SECONDS = 20.0


class Spare:
    """A door, and what happened at it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FakeClock()
        self.code = "first"
        self.door = Door(path, clock=self.clock, code=lambda: self.code)
        self.door.open()

    def answer(self) -> Taken | None:
        return self.door.answer()

    def knock(self) -> socket.socket:
        taker = socket.socket(socket.AF_UNIX)
        taker.settimeout(PATIENCE_SECONDS)
        taker.connect(str(self.path))
        return taker


@pytest.fixture
def spare(tmp_path: Path) -> Iterator[Spare]:
    spare = Spare(tmp_path / "spare-1")
    yield spare
    spare.door.close()


def ask(taker: socket.socket, line: bytes = encode_spare(REQUEST), files: int = 2) -> None:
    with open(os.devnull, "r+b") as nothing:
        socket.send_fds(taker, [line], [nothing.fileno()] * files)


def close(taken: Taken) -> None:
    taken.taker.close()
    for file in taken.files:
        os.close(file)


# Taken.


def test_a_taker_says_what_it_wants_is_offered_the_spare_and_takes_it(spare: Spare) -> None:
    with spare.knock() as taker:
        ask(taker)
        taker.sendall(SPARE_TAKEN)
        found = spare.answer()
        offer = decode_spare_offer(taker.recv(1000))

    assert found is not None
    assert (found.request, len(found.files)) == (REQUEST, 2)
    assert offer == SpareOffer(pid=os.getpid())
    close(found)


def test_a_taker_that_went_elsewhere_gets_none_and_the_spare_waits_on(spare: Spare) -> None:
    with spare.knock() as gone:
        ask(gone)

    assert spare.answer() is None

    with spare.knock() as taker:
        ask(taker)
        taker.sendall(SPARE_TAKEN)
        found = spare.answer()
    assert found is not None
    close(found)


@pytest.mark.parametrize("line", [b"{}\n", b"nonsense\n", b"\xff\xfe\n", b'{"arguments": 7}\n'])
def test_who_says_something_else_gets_none(spare: Spare, line: bytes) -> None:
    with spare.knock() as taker:
        ask(taker, line)

        assert spare.answer() is None


def test_who_brings_no_files_gets_none(spare: Spare) -> None:
    with spare.knock() as taker:
        taker.sendall(encode_spare(REQUEST) + SPARE_TAKEN)

        assert spare.answer() is None


def test_when_one_has_taken_it_the_next_one_is_refused_at_once(spare: Spare) -> None:
    with spare.knock() as first, spare.knock() as second:
        ask(first)
        first.sendall(SPARE_TAKEN)
        found = spare.answer()
        spare.door.close()

        assert found is not None
        close(found)
        with pytest.raises(ConnectionError):
            ask(second)


def test_its_socket_is_this_users_alone(spare: Spare) -> None:
    assert stat.S_IMODE(spare.path.stat().st_mode) == 0o600


# It ends.


def test_it_waits_an_hour(spare: Spare) -> None:
    spare.clock.now += LIFETIME_SECONDS - 1
    assert not spare.door.is_over

    spare.clock.now += 2
    assert spare.door.is_over


def test_it_ends_when_its_place_is_gone(spare: Spare) -> None:
    spare.path.unlink()

    assert spare.door.is_over


def test_it_ends_and_is_not_taken_when_other_code_is_installed(spare: Spare) -> None:
    spare.code = "second"

    with spare.knock() as taker:
        ask(taker)
        taker.sendall(SPARE_TAKEN)
        assert spare.answer() is None
    assert spare.door.is_over


def test_a_closed_door_leaves_nothing(spare: Spare) -> None:
    spare.door.close()
    spare.door.close()

    assert not spare.path.exists()


# One per place.


def test_of_two_spares_for_one_place_one_is(tmp_path: Path) -> None:
    path = tmp_path / "spare-1"
    code = "import sys, pathlib; from hcs_viewer._spare import only_spare\n"
    code += "with only_spare(pathlib.Path(sys.argv[1])) as is_only: print(is_only)"

    with only_spare(path) as is_first:
        second = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)

    assert is_first
    assert second.stdout == "False\n"


def test_what_killed_spares_left_is_swept(tmp_path: Path) -> None:
    for name in ("spare-2", "spare-2.lock"):
        (tmp_path / name).touch()

    with only_spare(tmp_path / "spare-1"):
        assert [path.name for path in tmp_path.iterdir()] == ["spare-1.lock"]


def test_a_spare_of_another_place_is_left_alone(tmp_path: Path) -> None:
    with only_spare(tmp_path / "spare-2"), only_spare(tmp_path / "spare-1"):
        assert (tmp_path / "spare-2.lock").exists()


# Becoming the viewer.


def test_a_taken_process_has_the_takers_files_settings_and_folder(tmp_path: Path) -> None:
    code = """
import os, socket, sys
from hcs_protocol import SpareRequest
from hcs_viewer._spare import Taken, become, say_status
ours, theirs = socket.socketpair()
request = SpareRequest(arguments=[], settings={"HCS_RUN": "7"}, folder=sys.argv[1])
files = [os.open(sys.argv[2], os.O_RDONLY), os.open(sys.argv[3], os.O_WRONLY)]
taken = Taken(request, files, ours)
become(taken)
print(os.read(0, 100), os.environ.get("HCS_RUN"), os.environ.get("HCS_OLD"), os.getcwd(), flush=True)
say_status(taken, 3)
os.write(2, theirs.recv(10))
"""
    stdin, output = tmp_path / "in", tmp_path / "out"
    stdin.write_text("hello")
    output.touch()

    subprocess.run(
        [sys.executable, "-c", code, tmp_path, stdin, output], check=True, env=os.environ | {"HCS_OLD": "1"}
    )

    assert output.read_text() == f"b'hello' 7 None {tmp_path}\n3\n"


# A whole one.


class Whole:
    """A spare as others start it."""

    def __init__(self, path: Path, **environment: str) -> None:
        self.path = path
        command = [sys.executable, "-m", "hcs_viewer", "--spare", path]
        self.process = subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.DEVNULL)
        self.ended = threading.Event()
        self._waiting = threading.Thread(target=self._wait)
        self._waiting.start()

    def wait_until_primed(self) -> None:
        while not self.path.exists():
            assert not self.ended.wait(0.05)

    def close(self) -> None:
        self.process.kill()
        self._waiting.join()

    def _wait(self) -> None:
        self.process.wait()
        self.ended.set()


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Callable[..., Whole]]:
    started: list[Whole] = []

    def start(**environment: str) -> Whole:
        started.append(Whole(tmp_path / "spare-1", **environment))
        started[-1].wait_until_primed()
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.mark.window
def test_a_whole_spare_waits_and_ends_in_order(whole: Callable[..., Whole]) -> None:
    spare = whole()

    spare.process.send_signal(signal.SIGTERM)

    assert spare.ended.wait(PATIENCE_SECONDS)
    assert spare.process.returncode == 0
    assert not spare.path.exists()


@pytest.mark.window
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a screen stays")
def test_a_whole_spare_ends_with_its_screen(whole: Callable[..., Whole]) -> None:
    screen = Display(visible=False, manage_global_env=False, extra_args=["-noreset"]).start()
    spare = whole(DISPLAY=f":{screen.display}")

    screen.stop()

    assert spare.ended.wait(PATIENCE_SECONDS)
