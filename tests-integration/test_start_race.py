"""Many processes want a viewer on one port at once: one is started, and it shows what all of them send."""

import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import hcs_stream
from hcs_protocol import PortTakenError, State

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

WORKERS = 8
IMAGES = 12

WORKER = """
import sys
import numpy as np
import hcs_stream

port, number, images, wait = map(int, sys.argv[1:])
print("ready", flush=True)
sys.stdin.readline()
with hcs_stream.connect(data_port=port, run="race", wait=bool(wait), timeout=120) as stream:
    for site in range(images):
        stream.send(np.full((64, 64), number, "uint16"), timepoint=number, site=site)
    stream.flush(timeout=120)
    print("sent", flush=True)
"""


def start_worker(port: int, number: int, *, wait: bool) -> "subprocess.Popen[str]":
    """Start a process that sends images once it is told to go."""
    command = [sys.executable, "-c", WORKER, *map(str, (port, number, IMAGES, int(wait)))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@contextmanager
def workers(port: int, *, wait: bool) -> "Iterator[list[subprocess.Popen[str]]]":
    """Eight processes that have imported what they need and then all go at once."""
    started = [start_worker(port, number, wait=wait) for number in range(WORKERS)]
    try:
        for worker in started:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in started:
            print(file=worker.stdin, flush=True)
        yield started
    finally:
        for worker in started:
            with worker:
                worker.kill()


def all_sent(started: "list[subprocess.Popen[str]]") -> list[str]:
    """What the workers said last, and with which exit status."""
    return [f"{worker.communicate()[0].strip()} {worker.returncode}" for worker in started]


def viewers_of(port: int) -> list[hcs_stream.Viewer]:
    """Return all viewers that run for this port."""
    return [viewer for viewer in hcs_stream.viewers() if viewer.connection.requested_port == port]


def images(state: State) -> int:
    """Count what the window shows."""
    return sum(layer.images for layer in state.layers)


@contextmanager
def the_one_viewer(port: int) -> Iterator[hcs_stream.Viewer]:
    """The only viewer of this port; it is gone afterwards."""
    found = viewers_of(port)
    try:
        assert len(found) == 1, found
        yield hcs_stream.start_viewer(port, timeout=120)  # its window may be late
    finally:
        for viewer in found:
            viewer.stop()


@pytest.mark.parametrize("wait", [True, False], ids=["waiting", "not waiting"])
def test_eight_processes_that_start_a_viewer_on_one_port_share_it(
    data_port: int, wait: bool, wait_until: Callable[..., State]
) -> None:
    with workers(data_port, wait=wait) as started:
        said = all_sent(started)

    with the_one_viewer(data_port) as viewer:
        assert said == ["sent 0"] * WORKERS
        state = wait_until(viewer, lambda state: images(state) >= WORKERS * IMAGES)
        assert images(state) == WORKERS * IMAGES
        assert state.axes["timepoint"] == list(range(WORKERS))
        assert viewer.connection.data_port == data_port
        assert viewer.ping().counters.adopted == WORKERS * IMAGES


def test_all_find_the_viewer_that_moved_because_a_stranger_has_the_port(
    data_port: int, wait_until: Callable[..., State]
) -> None:
    with socket.create_server(("127.0.0.1", data_port)) as stranger:
        with workers(data_port, wait=True) as started:
            said = all_sent(started)

        with the_one_viewer(data_port) as viewer:
            assert said == ["sent 0"] * WORKERS
            assert viewer.connection.data_port != data_port
            wait_until(viewer, lambda state: images(state) == WORKERS * IMAGES)
            assert viewer.ping().counters.adopted == WORKERS * IMAGES
        stranger.settimeout(0)
        with pytest.raises(BlockingIOError):
            stranger.accept()  # nobody ever knocked


def test_who_may_have_no_other_port_reads_who_has_it(data_port: int) -> None:
    with socket.create_server(("127.0.0.1", data_port)):
        with pytest.raises(PortTakenError, match=r"is taken by '.*', process \d+"):
            hcs_stream.start_viewer(data_port, on_port_conflict="error")

        assert viewers_of(data_port) == []


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by signals")
@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_whoever_starts_it_may_be_killed_at_any_time(
    data_port: int, own_places: Path, seconds: float, wait_until: Callable[..., State]
) -> None:
    with workers(data_port, wait=True) as started:
        first = started[random.randrange(WORKERS)]
        with pytest.raises(subprocess.TimeoutExpired):
            first.wait(seconds)
        first.send_signal(signal.SIGKILL)
        said = all_sent(started)

    with the_one_viewer(data_port) as viewer:
        assert sorted(said)[-WORKERS + 1 :] == ["sent 0"] * (WORKERS - 1)
        wait_until(viewer, lambda state: images(state) >= (WORKERS - 1) * IMAGES)
