"""Who keeps a viewer alive that is not persistent."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hcs_stream import _parents
from hcs_stream._parents import hold, make_pipe

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes")

PORT = 23_456

HOLDS = """
import sys
from pathlib import Path
from hcs_stream._parents import hold
print(hold(Path(sys.argv[1]), 23456), flush=True)
sys.stdin.read()
"""

HOLDS_IN_A_WORKER = """
import multiprocessing, sys, time
from pathlib import Path
from hcs_stream._parents import hold

def work(folder, said):
    said.put(hold(Path(folder), 23456))
    time.sleep(600)

if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    said = spawn.Queue()
    worker = spawn.Process(target=work, args=(sys.argv[1], said))
    worker.start()
    print(said.get(), worker.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hold nothing from one test to the next; what stories hold in this process is theirs."""
    monkeypatch.setattr(_parents, "_held", {})
    yield
    _parents._let_all_go()


@pytest.fixture
def reading(own_places: Path) -> Iterator[int]:
    """The viewer's end of the pipe that this process holds."""
    path = make_pipe(own_places, PORT)
    assert path is not None
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    yield descriptor
    os.close(descriptor)


def another(code: str, folder: Path) -> "tuple[subprocess.Popen[str], str]":
    """Start another process; return it and the line that it said."""
    script = folder / "another.py"
    script.write_text(code)
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def is_held(reading: int) -> bool:
    """Say whether anybody holds the pipe."""
    os.set_blocking(reading, False)
    try:
        return os.read(reading, 1) != b""
    except BlockingIOError:
        return True
    finally:
        os.set_blocking(reading, True)


def test_the_pipe_ends_with_the_process_that_made_it(reading: int) -> None:
    assert is_held(reading)

    _parents._let_all_go()

    assert os.read(reading, 1) == b""


def test_the_pipe_ends_with_the_last_process_that_holds_it(own_places: Path, reading: int) -> None:
    process, said = another(HOLDS, own_places)
    assert said == "True"

    _parents._let_all_go()
    assert is_held(reading)
    with process:
        process.kill()

    assert os.read(reading, 1) == b""


def test_a_pools_worker_holds_it_only_as_long_as_its_parent_lives(own_places: Path, reading: int) -> None:
    process, said = another(HOLDS_IN_A_WORKER, own_places)
    holds, worker = said.split()
    assert holds == "True"
    _parents._let_all_go()
    assert is_held(reading)

    with process:
        process.kill()  # the worker hears nothing of it

    assert os.read(reading, 1) == b""
    os.kill(int(worker), 9)


def test_a_forked_child_holds_nothing(reading: int) -> None:
    waits, ends = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ends)
        os.read(waits, 1)
        os._exit(0)
    os.close(waits)

    _parents._let_all_go()

    assert os.read(reading, 1) == b""
    os.close(ends)
    os.waitpid(child, 0)


def test_where_there_is_no_pipe_there_is_nothing_to_hold(own_places: Path) -> None:
    assert not hold(own_places, PORT)
    assert not hold(None, PORT)
    (own_places / f"parents-{PORT}.pipe").write_text("no pipe")
    assert not hold(own_places, PORT)


def test_the_next_viewer_gets_a_pipe_of_its_own(own_places: Path, reading: int) -> None:
    assert make_pipe(own_places, PORT) is not None

    assert os.read(reading, 1) == b""
