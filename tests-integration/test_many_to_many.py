"""Many workers, one viewer; one worker, many viewers: one copy of the pixels, few sockets, nobody waits."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import psutil
import pytest

import hcs_stream
from hcs_protocol import State

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

WORKERS = 8
IMAGES = 25

WORKER = """
import sys
import numpy as np
import hcs_stream

port, number, images = map(int, sys.argv[1:])
with hcs_stream.connect(data_port=port, run="eight") as stream:
    for site in range(images):
        stream.send(np.full((128, 128), number, "uint16"), timepoint=number, site=site)
"""


def test_what_eight_worker_processes_send_to_one_viewer_is_all_shown(
    viewer: hcs_stream.Viewer, wait_until: Callable[..., State]
) -> None:
    port = viewer.connection.data_port
    commands = [
        [sys.executable, "-c", WORKER, str(port), str(number), str(IMAGES)] for number in range(WORKERS)
    ]
    workers = [subprocess.Popen(command) for command in commands]

    assert [worker.wait() for worker in workers] == [0] * WORKERS
    state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == WORKERS * IMAGES)
    assert state.axes["timepoint"] == list(range(WORKERS))


def test_all_steps_and_threads_of_a_process_share_two_sockets_per_viewer(viewer: hcs_stream.Viewer) -> None:
    connection = viewer.connection
    streams = [hcs_stream.connect(data_port=connection.data_port) for _ in range(10)]

    def send(stream: hcs_stream.Stream, step: int, thread: int) -> None:
        for site in range(3):
            stream.send(np.zeros((32, 32), "uint8"), step=(step, "step"), timepoint=thread, site=site)

    threads = [
        threading.Thread(target=send, args=(stream, step, thread))
        for step, stream in enumerate(streams, 1)
        for thread in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    streams[0].flush()

    ports = [end.raddr.port for end in psutil.Process().net_connections("tcp") if end.status == "ESTABLISHED"]
    mine = [port for port in ports if port in {connection.data_port, connection.control_port}]
    assert sorted(mine) == [connection.data_port, connection.control_port]
    assert streams[0].counters.adopted == 120
    for stream in streams:
        stream.close()


@contextmanager
def three_viewers(viewer: hcs_stream.Viewer, data_port: int) -> Iterator[list[hcs_stream.Viewer]]:
    """The one that runs, and two more."""
    ports = [data_port, data_port + 2]
    others = [hcs_stream.start_viewer(port, persistent=False) for port in ports]
    try:
        yield [viewer, *others]
    finally:
        for other in others:
            other.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="processes are stopped by signals")
def test_three_viewers_get_the_same_images_while_one_is_frozen_and_one_is_killed(
    viewer: hcs_stream.Viewer,
    data_port: int,
    wait_until: Callable[..., State],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HCS_SHM_BUDGET", str(16 << 20))
    with three_viewers(viewer, data_port) as (well, frozen, dead):
        ports = [known.connection.data_port for known in (well, frozen, dead)]
        with hcs_stream.connect(data_port=ports) as stream:
            os.kill(frozen.connection.pid, signal.SIGSTOP)
            psutil.Process(dead.connection.pid).kill()
            for z in range(40):  # more than four times what the shared memory holds
                stream.send(np.full((1024, 1024), z, "uint16"), z_index=z)

            wait_until(well, lambda state: sum(layer.images for layer in state.layers) == 40)
            os.kill(frozen.connection.pid, signal.SIGCONT)
            state = wait_until(frozen, lambda state: sum(layer.images for layer in state.layers) == 40)
            assert state.layers[0].components["z_index"] == list(range(40))
            assert frozen.image("Image", {"z_index": 39}).max() == 39
            assert stream.counters.dropped == {}

            hcs_stream.start_viewer(ports[2], persistent=False)
            stream.flush()
        again = hcs_stream.find_viewer(ports[2])
        assert again is not None
        assert again.ping().counters.adopted == 40
        again.stop()
