"""With a spare a viewer comes at once; with one that is dead, frozen or taken it comes all the same."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import psutil
import pytest

import hcs_stream
from hcs_protocol import PortTakenError, State, runtime_folders

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not hasattr(socket, "send_fds"), reason="wants sockets that pass files on"),
]

PATIENCE_SECONDS = 100.0
BUSY_TRIES = 5
"""A spare that has just woken may be slower than its taker is patient, where the machine is busy."""
SEND = """
import sys
import numpy as np
import hcs_stream

port = int(sys.argv[1])
with hcs_stream.connect(data_port=port, persistent=False, timeout=100) as stream:
    stream.send(np.full((32, 32), 7, "uint8"), well="A01")
    stream.flush()
    viewer = hcs_stream.find_viewer(port)
    print(viewer.connection.pid, viewer.image("Image").sum())
    viewer.stop()
"""

WaitUntil = Callable[[hcs_stream.Viewer, Callable[[State], bool]], State]


@pytest.fixture
def spare(viewer: hcs_stream.Viewer, monkeypatch: pytest.MonkeyPatch) -> Iterator[psutil.Process]:
    """A spare, which came since a viewer was found, and at once; no other comes."""
    keep_spare = import_module("hcs_stream._spares").keep_spare
    monkeypatch.setattr("hcs_stream._starting.keep_spare", partial(keep_spare, settle=0.0))
    monkeypatch.setenv("HCS_VIEWER_SPARE", "1")
    hcs_stream.start_viewer(viewer.connection.data_port)
    monkeypatch.setenv("HCS_VIEWER_SPARE", "")
    (process,) = [child for child in psutil.Process().children() if "--spare" in child.cmdline()]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not primed():
        assert time.monotonic() < deadline, "it never came"
        assert process.is_running()
        time.sleep(0.05)
    yield process
    end(process)
    for path in primed():
        path.unlink()


def end(process: psutil.Process) -> None:
    """End it, unless it is gone already; whoever looks for viewers may have waited for it."""
    with suppress(psutil.NoSuchProcess):
        process.kill()
        process.wait(PATIENCE_SECONDS)


def primed() -> list[Path]:
    """Where a spare can be taken, or could be before it was killed."""
    return [path for path in runtime_folders()[0].glob("spare-*") if path.is_socket()]


def show_one(data_port: int, wait_until: WaitUntil) -> int:
    """Send an image to a viewer that is not there yet, see it there, end the viewer; returns its pid."""
    with hcs_stream.connect(data_port=data_port, persistent=False, wait=False) as stream:
        stream.send(np.full((32, 32), 7, "uint8"), well="A01")
        stream.flush(PATIENCE_SECONDS)
        viewer = hcs_stream.find_viewer(data_port)
        assert viewer is not None
        state = wait_until(viewer, lambda state: bool(state.layers))
        assert [(layer.name, layer.images) for layer in state.layers] == [("Image", 1)]
        viewer.stop()
    return viewer.connection.pid


def test_a_spare_is_no_viewer_and_has_no_port_until_it_becomes_the_one_that_somebody_wants(
    spare: psutil.Process, viewer: hcs_stream.Viewer, data_port: int, wait_until: WaitUntil
) -> None:
    assert [found.connection.pid for found in hcs_stream.viewers()] == [viewer.connection.pid]
    assert not [found for found in spare.net_connections("inet") if found.status == psutil.CONN_LISTEN]

    wanted = hcs_stream.start_viewer(data_port, title="Assay 7")
    assert (wanted.connection.pid, wanted.ping().title) == (spare.pid, "Assay 7")
    assert not primed()

    assert show_one(data_port, wait_until) == spare.pid


def test_of_two_that_want_one_at_once_one_gets_it_and_the_other_a_fresh_one(
    spare: psutil.Process, data_port: int
) -> None:
    takers = [
        subprocess.Popen([sys.executable, "-c", SEND, str(port)], stdout=subprocess.PIPE, text=True)
        for port in (data_port, data_port + 7)
    ]

    said = [taker.communicate(timeout=PATIENCE_SECONDS)[0].split() for taker in takers]

    pids = [int(pid) for pid, _ in said]
    assert [pixels for _, pixels in said] == [str(7 * 32 * 32)] * 2
    assert pids.count(spare.pid) == 1
    assert len(set(pids)) == 2


def test_a_spare_that_was_killed_costs_nothing_but_time(
    spare: psutil.Process, data_port: int, wait_until: WaitUntil
) -> None:
    end(spare)
    assert primed()

    assert show_one(data_port, wait_until) != spare.pid


def test_a_spare_that_is_frozen_costs_nothing_but_time(
    spare: psutil.Process, data_port: int, wait_until: WaitUntil
) -> None:
    spare.suspend()

    assert show_one(data_port, wait_until) != spare.pid

    spare.resume()
    pids = (show_one(data_port, wait_until) for _ in range(BUSY_TRIES))
    assert spare.pid in pids  # it gave itself to nobody, and waits on


def test_a_viewer_that_was_a_spare_ends_with_who_wanted_it(spare: psutil.Process, data_port: int) -> None:
    code = f"import hcs_stream, os; hcs_stream.start_viewer({data_port}, persistent=False); os._exit(9)"

    subprocess.run([sys.executable, "-c", code], timeout=PATIENCE_SECONDS, check=False)

    spare.wait(PATIENCE_SECONDS)
    assert hcs_stream.find_viewer(data_port) is None


def test_a_spare_that_finds_its_port_taken_says_so(spare: psutil.Process, data_port: int) -> None:
    with socket.create_server(("127.0.0.1", data_port)), pytest.raises(PortTakenError):
        hcs_stream.start_viewer(data_port, on_port_conflict="error")

    assert not spare.is_running()


def test_a_spare_ends_in_order_when_it_is_asked_to(spare: psutil.Process) -> None:
    spare.send_signal(signal.SIGTERM)

    spare.wait(PATIENCE_SECONDS)
    assert not primed()
