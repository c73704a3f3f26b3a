"""A worker is killed; what it published is shown, by the viewer that runs or by the next one."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import hcs_stream
from hcs_protocol import State

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform == "win32", reason="processes are stopped and killed by signals"),
]

WORKER = """
import sys
import numpy as np
import hcs_stream

port, first, count, wait = map(int, sys.argv[1:])
stream = hcs_stream.connect(data_port=port, run="one", wait=bool(wait), persistent=False)
for z in range(first, first + count):
    stream.send(np.full((64, 64), z, "uint16"), well="A01", z_index=z, channel="DAPI")
print("published", flush=True)
stream.close(float(sys.stdin.readline()))
"""


def start_worker(port: int, first: int, count: int, *, wait: bool = True) -> "subprocess.Popen[str]":
    """Start a process that publishes these planes and then waits; returns when they are published."""
    command = [sys.executable, "-c", WORKER, *map(str, (port, first, count, int(wait)))]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "published\n"
    return worker


def kill(worker: "subprocess.Popen[str]") -> None:
    """End it as `kill -9` does."""
    with worker:
        worker.kill()


def planes(viewer: hcs_stream.Viewer, wait_until: Callable[..., State]) -> list[object]:
    """Which planes the viewer has, once it has thirty."""
    state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) >= 30)
    return [value for layer in state.layers for value in layer.components["z_index"]]


def test_what_a_killed_worker_published_to_a_frozen_viewer_is_shown(
    viewer: hcs_stream.Viewer, own_places: Path, wait_until: Callable[..., State]
) -> None:
    port, pid = viewer.connection.data_port, viewer.connection.pid
    before = viewer.ping().counters.adopted
    worker = start_worker(port, 0, 10)
    os.kill(pid, signal.SIGSTOP)
    try:
        kill(worker)
        kill(start_worker(port, 10, 20, wait=False))
    finally:
        os.kill(pid, signal.SIGCONT)

    assert planes(viewer, wait_until) == list(range(30))
    assert viewer.image("Channel_DAPI", {"z_index": 29}).max() == 29
    assert viewer.ping().counters.adopted == before + 30


def test_what_nobody_adopted_is_shown_by_the_next_viewer(
    data_port: int, own_places: Path, wait_until: Callable[..., State]
) -> None:
    viewer = hcs_stream.start_viewer(data_port, persistent=False)
    os.kill(viewer.connection.pid, signal.SIGSTOP)
    worker = start_worker(data_port, 0, 30, wait=False)

    psutil.Process(viewer.connection.pid).kill()
    kill(worker)
    after = hcs_stream.start_viewer(data_port, persistent=False)

    try:
        assert planes(after, wait_until) == list(range(30))
        assert after.ping().counters.recovered == 30
        assert not [path for path in own_places.iterdir() if f"-{worker.pid}-" in path.name]
    finally:
        after.stop()


def test_what_a_pipeline_could_not_show_before_it_ended_waits_for_the_next_viewer(
    data_port: int, own_places: Path, wait_until: Callable[..., State]
) -> None:
    viewer = hcs_stream.start_viewer(data_port, persistent=False)
    os.kill(viewer.connection.pid, signal.SIGSTOP)
    with start_worker(data_port, 0, 30, wait=False) as worker:
        worker.communicate("0.1\n")  # so long it waits for the viewer

    assert worker.returncode == 0
    psutil.Process(viewer.connection.pid).kill()
    after = hcs_stream.start_viewer(data_port, persistent=False)

    try:
        assert planes(after, wait_until) == list(range(30))
        assert not [path for path in own_places.iterdir() if f"-{worker.pid}-" in path.name]
    finally:
        after.stop()
