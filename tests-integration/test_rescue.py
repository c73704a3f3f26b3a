"""A viewer hangs: it is ended by force, and the next one on its port shows what it never took."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

import hcs_stream
from hcs_protocol import Connection, State, runtime_folders, start_ticks, write_connection

if TYPE_CHECKING:
    from at_the_manager import Manager

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform == "win32", reason="processes are stopped by signals"),
]

IMAGES = 30
LISTENER = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    print("listening", flush=True)
    server.accept()
"""


@contextmanager
def a_viewer(data_port: int, title: str | None = None) -> Iterator[hcs_stream.Viewer]:
    """A viewer of its own for one test."""
    viewer = hcs_stream.start_viewer(data_port, title=title, persistent=False, timeout=120)
    try:
        yield viewer
    finally:
        viewer.kill()


@contextmanager
def a_stranger(port: int) -> "Iterator[subprocess.Popen[str]]":
    """A program of somebody else that listens on this port."""
    command = [sys.executable, "-c", LISTENER, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        try:
            yield process
            assert process.poll() is None
        finally:
            process.kill()


def health(viewer: hcs_stream.Viewer) -> str:
    """What is said of it."""
    command = [sys.executable, "-m", "hcs_stream", "viewers", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    state: str = next(line for line in lines if line["viewer_run"] == viewer.connection.viewer_run)["state"]
    return state


def is_free(port: int) -> bool:
    """Say whether a port can be had."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def freeze(pid: int) -> None:
    """Stop a process, and wait until it stands: until its main thread has a turn, the others go on."""
    process = psutil.Process(pid)
    process.suspend()
    deadline = time.monotonic() + 50
    while process.status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline, "it never stood still"


def images(state: State) -> int:
    """Count what the window shows."""
    return sum(layer.images for layer in state.layers)


def test_what_a_hung_viewer_never_took_is_shown_by_the_next_one(
    data_port: int, wait_until: Callable[..., State]
) -> None:
    hung = hcs_stream.start_viewer(data_port, persistent=False, timeout=120)
    with hcs_stream.connect(data_port=data_port) as stream:
        stream.send(np.zeros((64, 64), "uint16"), z_index=0)
        stream.flush(timeout=120)
        freeze(hung.connection.pid)
        for z in range(1, IMAGES):
            stream.send(np.full((64, 64), z, "uint16"), z_index=z)
        assert health(hung) == "frozen"

        hung.kill()

        assert not hung.is_alive
        assert not hung.path.exists()
        assert is_free(data_port)
        assert is_free(hung.connection.control_port)
        with a_viewer(data_port) as viewer:
            assert viewer.connection.data_port == data_port
            assert viewer.connection.viewer_run != hung.connection.viewer_run
            stream.flush(timeout=120)
            state = wait_until(viewer, lambda state: images(state) == IMAGES - 1)
            assert state.layers[0].components["z_index"] == list(range(1, IMAGES))
            assert viewer.image("Image", {"z_index": IMAGES - 1}).max() == IMAGES - 1


def test_the_manager_shows_the_ill_viewer_in_red_and_kills_it(
    manager: "Manager", viewer: hcs_stream.Viewer, data_port: int
) -> None:
    well = viewer.connection.data_port
    with a_viewer(data_port, title="Assay 7") as ill:
        manager.wait_for(data_port, "ready")
        manager.wait_for(well, "ready")

        os.kill(ill.connection.pid, signal.SIGSTOP)
        manager.wait_for(data_port, "frozen")
        assert data_port in manager.ill
        assert well not in manager.ill

        manager.choose(data_port)
        manager.force_kill()
        manager.wait_for(data_port, "gone")
        assert not ill.is_alive
        assert is_free(data_port)
        assert data_port in manager.ill

    manager.quit_or_dismiss()
    manager.wait_for(data_port, None)
    with a_viewer(data_port):
        manager.wait_for(data_port, "ready")
        assert data_port not in manager.ill


def test_a_frozen_viewer_is_stopped_without_waiting_for_its_answer(data_port: int) -> None:
    frozen = hcs_stream.start_viewer(data_port, persistent=False, timeout=120)
    os.kill(frozen.connection.pid, signal.SIGSTOP)

    assert frozen.stop(timeout=40) == "terminated"

    assert not frozen.is_alive
    assert is_free(data_port)


def test_a_viewer_that_is_well_says_goodbye(data_port: int) -> None:
    viewer = hcs_stream.start_viewer(data_port, persistent=False, timeout=120)

    assert viewer.stop(timeout=40) == "closed"

    assert viewer.stop() == "gone"
    assert not viewer.path.exists()


def test_a_stranger_on_the_port_is_never_touched(data_port: int) -> None:
    with a_stranger(data_port) as stranger:
        with a_viewer(data_port) as viewer:
            assert viewer.connection.data_port != data_port
            assert viewer.connection.requested_port == data_port
        left_behind = _claims_to_be(stranger.pid, viewer.connection, started=1.0)
        path = write_connection(left_behind, runtime_folders())

        hcs_stream.Viewer(left_behind, path).kill()
        hcs_stream.Viewer(left_behind, path).stop(timeout=1)
        assert hcs_stream.find_viewer(data_port) is None

        assert not path.exists()


def _claims_to_be(pid: int, like: Connection, *, started: float) -> Connection:
    """Return the file of a viewer that is gone and whose pid and port a stranger has by now."""
    return Connection(
        protocol_version=like.protocol_version,
        viewer_run="0" * 16,
        title="gone",
        host="127.0.0.1",
        data_port=like.requested_port,
        control_port=like.control_port,
        requested_port=like.requested_port,
        pid=pid,
        start_time=started,
        start_ticks=start_ticks(pid) and 1,
        public_key=like.public_key,
        client_public_key=like.client_public_key,
        client_secret_key=like.client_secret_key,
    )
