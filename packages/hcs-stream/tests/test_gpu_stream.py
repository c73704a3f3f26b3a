"""A stream from a real CUDA device: in order, many more images than blocks, and a worker that is killed."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hcs_shm
import hcs_stream
from hcs_shm import BlockReader
from hcs_stream import _registry
from hcs_stream._registry import close_publishers

torch: Any = pytest.importorskip("torch", reason="torch is not installed", exc_type=ImportError)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.torch,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

SIDE = 512


@pytest.fixture
def reading_viewer(new_viewer: Callable[..., Any]) -> Iterator[Any]:
    """A viewer that opens the blocks of real pools."""
    viewer = new_viewer()
    viewer.opener = reader = BlockReader()
    yield viewer
    reader.close()


@pytest.fixture
def connect(
    reading_viewer: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., hcs_stream.Stream]]:
    """Connect to that viewer with a pool of 16 images."""
    monkeypatch.setenv("HCS_SHM_BUDGET", str(17 * SIDE * SIDE * 2 + (1 << 20)))
    monkeypatch.setattr(_registry._registry, "holdings", None)

    def new(**keywords: Any) -> hcs_stream.Stream:
        port = reading_viewer.connection.data_port
        return hcs_stream.connect(data_port=port, start=False, overflow="block(20)", **keywords)

    yield new
    close_publishers()


def grey_values(viewer: Any) -> list[int]:
    """The grey value of each image that arrived, all of whose pixels have to have it."""
    planes = [np.frombuffer(pixels, np.uint16) for pixels in viewer.pixels()]
    assert all((plane == plane[0]).all() for plane in planes)
    return [int(plane[0]) for plane in planes]


def test_a_thousand_images_of_one_tensor_arrive_in_order(
    connect: Callable[..., Any], reading_viewer: Any
) -> None:
    tensor = torch.empty(SIDE, SIDE, dtype=torch.int16, device="cuda")
    with connect() as stream:
        for value in range(1000):
            tensor.fill_(value)  # overwrites what was sent just before
            stream.send(tensor, well="A01", timepoint=value)
        stream.flush()

    assert grey_values(reading_viewer) == list(range(1000))


def test_images_of_device_and_host_arrive_in_the_order_of_sending(
    connect: Callable[..., Any], reading_viewer: Any
) -> None:
    with connect() as stream:
        for value in range(200):
            image = np.full((SIDE, SIDE), value, np.uint16)
            stream.send(torch.from_numpy(image).cuda() if value % 3 else image)
        stream.flush()

    assert grey_values(reading_viewer) == list(range(200))


def test_two_streams_of_the_device_keep_their_orders(
    connect: Callable[..., Any], reading_viewer: Any
) -> None:
    streams = [(connect(), torch.cuda.Stream()) for _ in range(2)]
    for value in range(200):
        for place, (stream, lane) in enumerate(streams):
            with torch.cuda.stream(lane):
                tensor = torch.full((SIDE, SIDE), 1000 * place + value, dtype=torch.int16, device="cuda")
                stream.send(tensor)
    for stream, _ in streams:
        stream.close()

    arrived = grey_values(reading_viewer)
    assert [value for value in arrived if value < 1000] == list(range(200))
    assert [value - 1000 for value in arrived if value >= 1000] == list(range(200))


KILLED = """
import sys, time, numpy, torch, hcs_stream
stream = hcs_stream.connect(data_port=int(sys.argv[1]), start=False)
tensor = torch.full((512, 512), 1, dtype=torch.int16, device="cuda")
stream.send(tensor)
stream.flush()
busy = torch.randn(8192, 8192, device="cuda")
for _ in range(300):
    busy = busy @ busy
tensor.fill_(2)
stream.send(tensor)
stream.send(numpy.full((512, 512), 3, numpy.uint16))
print("sent", flush=True)
time.sleep(60)
"""


def test_a_worker_killed_in_mid_copy_loses_what_was_not_published_and_leaves_no_half_image(
    reading_viewer: Any, tmp_path: Path
) -> None:
    program = tmp_path / "killed.py"
    program.write_text(KILLED)
    command = [sys.executable, str(program), str(reading_viewer.connection.data_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "sent\n"
        worker.kill()

    hcs_shm.sweep()
    assert grey_values(reading_viewer) == [1]
    left = [found.name for found in hcs_shm.list_segments() if found.name.startswith(f"hcs-{worker.pid}-")]
    assert left == []
