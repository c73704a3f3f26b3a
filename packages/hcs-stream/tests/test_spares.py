"""Taking and keeping spare viewers, with stand-ins that do as a spare does, or do not."""

import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hcs_protocol import SPARE_TAKEN, SpareOffer, SpareRequest, decode_spare_request, encode_spare
from hcs_stream._spares import TakenProcess, _started, keep_spare, place_of_spare, take_spare, wants_spare

pytestmark = pytest.mark.skipif(not hasattr(socket, "send_fds"), reason="wants sockets that pass files on")

PATIENCE_SECONDS = 20.0
PROGRAM = ["some-viewer", "--flag"]
SPARE_PROGRAM = """
import fcntl, os, pathlib, sys
place = pathlib.Path(sys.argv[sys.argv.index("--spare") + 1])
lock = os.open(f"{place}.lock", os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(lock, fcntl.LOCK_EX)
place.with_name("began").open("a").write(f"{sys.argv[1:]}\\n")
os.read(os.open(place.with_name("pipe"), os.O_RDONLY), 1)
"""


class Process:
    """What a stand-in offers: a process that ends when it is told to."""

    def __init__(self) -> None:
        self.child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def end(self) -> None:
        self.child.communicate(timeout=PATIENCE_SECONDS)


class StandIn:
    """Listens where the spare of a program would, and answers as a test says."""

    def __init__(self, process: Process) -> None:
        place = place_of_spare(PROGRAM, os.environ)
        assert place is not None
        self.place = place
        self.process = process
        self.requests: list[SpareRequest] = []
        self.files: list[int] = []
        self.was_taken = False
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(str(place))
        self.door.listen()
        self.taker: socket.socket | None = None

    def serve(self, answer: bytes | None = None) -> None:
        """Be a spare for one taker; with an answer, one that says this."""
        self.taker, _ = self.door.accept()
        line, files, _, _ = socket.recv_fds(self.taker, 1 << 16, 3)
        self.requests.append(decode_spare_request(line))
        self.files = list(files)
        pid = self.process.child.pid
        self.taker.sendall(encode_spare(SpareOffer(pid=pid)) if answer is None else answer)
        self.was_taken = self.taker.recv(len(SPARE_TAKEN)) == SPARE_TAKEN

    def close(self) -> None:
        self.door.close()
        if self.taker:
            self.taker.close()
        for file in self.files:
            os.close(file)
        self.place.unlink(missing_ok=True)


@pytest.fixture
def process() -> Iterator[Process]:
    process = Process()
    yield process
    process.end()


@pytest.fixture
def stand_in(process: Process) -> Iterator[StandIn]:
    stand_in = StandIn(process)
    yield stand_in
    stand_in.close()


@pytest.fixture
def output(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "output", os.O_WRONLY | os.O_CREAT, 0o600)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def serve(stand_in: StandIn) -> Iterator[Callable[..., None]]:
    threads: list[threading.Thread] = []

    def start(answer: bytes | None = None) -> None:
        threads.append(threading.Thread(target=stand_in.serve, args=(answer,)))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join(PATIENCE_SECONDS)


def take(output: int, *, pipe: bool = False) -> TakenProcess | None:
    return take_spare(PROGRAM, ["--data-port", "5557"], output=output, pipe=pipe)


# Taking one.


def test_a_spare_is_told_arguments_settings_and_folder_and_gets_the_files(
    stand_in: StandIn, serve: Callable[..., None], output: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCS_RUN", "seven")
    serve()

    taken = take(output)

    assert taken is not None
    (request,) = stand_in.requests
    assert request.arguments == ["--data-port", "5557"]
    assert (request.settings["HCS_RUN"], request.folder) == ("seven", os.getcwd())
    assert os.path.samestat(os.fstat(stand_in.files[1]), os.fstat(output))
    taken.let_go()


def test_a_taken_process_is_its_takers_as_if_it_had_started_it(
    stand_in: StandIn, serve: Callable[..., None], output: int, process: Process
) -> None:
    serve()
    taken = take(output)
    assert taken is not None
    assert (taken.pid, taken.poll()) == (process.child.pid, None)

    assert stand_in.taker is not None
    stand_in.taker.sendall(b"3\n")
    process.end()

    assert (taken.wait(), taken.returncode) == (3, 3)


def test_one_that_is_killed_has_ended_without_a_word(
    stand_in: StandIn, serve: Callable[..., None], output: int, process: Process
) -> None:
    serve()
    taken = take(output)
    assert taken is not None

    taken.kill()
    process.child.wait(PATIENCE_SECONDS)
    assert stand_in.taker is not None
    stand_in.taker.close()

    assert taken.wait() == 1


def test_its_standard_input_ends_when_its_taker_lets_go(
    stand_in: StandIn, serve: Callable[..., None], output: int
) -> None:
    serve()
    taken = take(output, pipe=True)
    assert taken is not None
    stdin = stand_in.files[0]
    assert stat.S_ISFIFO(os.fstat(stdin).st_mode)

    taken.let_go()
    taken.let_go()

    assert os.read(stdin, 1) == b""


def test_where_there_is_none_nobody_waits(output: int) -> None:
    assert take(output) is None


def test_one_that_was_killed_is_none(stand_in: StandIn, output: int) -> None:
    stand_in.door.close()

    assert stand_in.place.exists()
    assert take(output) is None


def test_one_that_says_nothing_is_left_alone(stand_in: StandIn, output: int) -> None:
    assert take(output) is None  # it is in its queue, as with one that was stopped

    with pytest.raises(BrokenPipeError):
        stand_in.serve()  # it goes on
    assert not stand_in.was_taken


@pytest.mark.parametrize("answer", [b"no\n", b"{}\n", b'{"pid": "x"}\n'])
def test_one_that_says_something_else_is_none(
    stand_in: StandIn, serve: Callable[..., None], output: int, answer: bytes
) -> None:
    serve(answer)

    assert take(output) is None


def test_who_says_0_takes_none(stand_in: StandIn, output: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCS_VIEWER_SPARE", "0")

    assert take(output) is None


# Whose it is.


@pytest.mark.parametrize("name", ["DISPLAY", "QT_SCALE_FACTOR", "LC_ALL", "PATH"])
def test_another_screen_or_environment_has_a_spare_of_its_own(name: str) -> None:
    assert place_of_spare(PROGRAM, os.environ | {name: "other"}) != place_of_spare(PROGRAM, os.environ)


def test_another_command_has_a_spare_of_its_own() -> None:
    assert place_of_spare(["other"], os.environ) != place_of_spare(PROGRAM, os.environ)


def test_settings_make_no_difference_to_whose_it_is() -> None:
    assert place_of_spare(PROGRAM, os.environ | {"HCS_RUN": "8"}) == place_of_spare(PROGRAM, os.environ)


def test_a_folder_whose_name_is_too_long_for_a_socket_has_none(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20)

    assert place_of_spare(PROGRAM, os.environ | {"HCS_RUNTIME_DIR": str(folder)}) is None


# Keeping one.


@pytest.mark.parametrize(("value", "wanted"), [("1", True), ("0", False), ("", False)])
def test_a_spare_is_kept_for_who_says_1(value: str, wanted: bool) -> None:
    assert wants_spare({"HCS_VIEWER_SPARE": value}) is wanted
    assert not wants_spare({})


def test_one_spare_is_started_however_often_it_is_wanted() -> None:
    program = [sys.executable, "-c", SPARE_PROGRAM]
    place = place_of_spare(program, os.environ)
    assert place is not None
    os.mkfifo(place.with_name("pipe"))

    for _ in range(8):
        assert keep_spare(program, settle=2.5)
    with place.with_name("pipe").open("wb"):  # opens when the stand-in has opened its end
        assert keep_spare(program)

    _started[place].wait(PATIENCE_SECONDS)
    assert place.with_name("began").read_text() == f"{['--spare', str(place), '--settle', '2.5']}\n"


def test_a_command_that_knows_no_spares_is_not_tried_again(tmp_path: Path) -> None:
    tried = tmp_path / "tried"
    program = [sys.executable, "-c", f"open({str(tried)!r}, 'a').write('x'); raise SystemExit(2)"]
    place = place_of_spare(program, os.environ)
    assert place is not None

    assert keep_spare(program)
    _started[place].wait(PATIENCE_SECONDS)

    assert not keep_spare(program)
    assert tried.read_text() == "x"


def test_a_command_that_is_not_there_is_no_error() -> None:
    assert not keep_spare(["/no/such/viewer"])


def test_a_spare_that_another_process_has_just_started_is_one() -> None:
    place = place_of_spare(PROGRAM, os.environ)
    assert place is not None
    place.with_name(f"{place.name}.lock").touch()

    assert keep_spare(PROGRAM)
    assert place not in _started


def test_a_spare_that_is_long_gone_is_none() -> None:
    place = place_of_spare([sys.executable, "-c", "pass"], os.environ)
    assert place is not None
    lock = place.with_name(f"{place.name}.lock")
    lock.touch()
    os.utime(lock, (0, 0))

    assert keep_spare([sys.executable, "-c", "pass"])
    assert _started[place].wait(PATIENCE_SECONDS) == 0
