"""A viewer that is not persistent ends with the processes that want it, however these end."""

import shlex
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import hcs_stream

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by signals"),
]

USER = """
import sys, threading
import hcs_stream

def start():
    port, command = int(sys.argv[1]), sys.argv[2] or None
    hcs_stream.start_viewer(port, viewer_command=command, persistent=False, timeout=120)

thread = threading.Thread(target=start)
thread.start()
thread.join()
print("started", flush=True)
sys.stdin.read()
"""

WITHOUT_STDIN = 'exec "$0" -m hcs_viewer "$@" < /dev/null'


def use(port: int, command: str = "") -> "subprocess.Popen[str]":
    """Start a process with a viewer that it wants for itself; a thread that ended started that."""
    words = [sys.executable, "-c", USER, str(port), command]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def kill(process: "subprocess.Popen[str]") -> None:
    """End it as `kill -9` does."""
    with process:
        process.kill()


def process_of(port: int) -> psutil.Process:
    """The process of this port's viewer, which answers."""
    viewer = hcs_stream.find_viewer(port)
    assert viewer is not None
    assert viewer.ping().state == "ready"
    return psutil.Process(viewer.connection.pid)


@pytest.mark.parametrize("command", ["", shlex.join(["sh", "-c", WITHOUT_STDIN, sys.executable])])
def test_it_ends_with_a_process_that_is_killed_whatever_it_was_started_through(
    data_port: int, command: str
) -> None:
    user = use(data_port, command)
    viewer = process_of(data_port)

    kill(user)

    viewer.wait(60)
    assert hcs_stream.find_viewer(data_port) is None


def test_it_ends_with_the_last_process_that_wants_it(data_port: int) -> None:
    first, second = use(data_port), use(data_port)
    viewer = process_of(data_port)

    kill(first)

    assert process_of(data_port) == viewer
    kill(second)
    viewer.wait(60)


def test_it_is_no_concern_of_a_process_that_only_looks(data_port: int, own_places: Path) -> None:
    user = use(data_port)
    looking = hcs_stream.start_viewer(data_port)
    viewer = process_of(data_port)
    assert looking.is_alive

    kill(user)

    viewer.wait(60)
