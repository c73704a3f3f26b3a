"""A stream from a real CUDA device: in order, many more images than blocks, and a worker that is killed."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hcs_shm
import hcs_stream
from hcs_shm import BlockReader
from hcs_stream import _registry
from hcs_stream._registry import close_publishers

pytestmark = pytest.mark.gpu

SIDE = 512
SMALL, LARGE = (SIDE, SIDE), (4096, 2048)
"""Arrays of JAX as large as that are held, and copied later."""


@pytest.fixture
def torch() -> Any:
    module = pytest.importorskip("torch", reason="torch is not installed", exc_type=ImportError)
    if not module.cuda.is_available():
        pytest.skip("no CUDA device")
    return module


@pytest.fixture
def jax() -> Any:
    module = pytest.importorskip("jax", reason="jax is not installed", exc_type=ImportError)
    if module.default_backend() not in {"cuda", "gpu"}:
        pytest.skip("no CUDA device")
    return module


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
    monkeypatch.setattr(_registry._registry, "holdings", None)

    def new(shape: tuple[int, int] = SMALL) -> hcs_stream.Stream:
        monkeypatch.setenv("HCS_SHM_BUDGET", str(17 * shape[0] * shape[1] * 2 + (1 << 20)))
        port = reading_viewer.connection.data_port
        return hcs_stream.connect(data_port=port, start=False, overflow="block(20)")

    yield new
    close_publishers()


def grey_values(viewer: Any) -> list[int]:
    """The grey value of each image that arrived, all of whose pixels have to have it."""
    planes = [np.frombuffer(pixels, np.uint16) for pixels in viewer.pixels()]
    assert all((plane == plane[0]).all() for plane in planes)
    return [int(plane[0]) for plane in planes]


@pytest.mark.torch
def test_a_thousand_images_of_one_tensor_arrive_in_order(
    connect: Callable[..., Any], reading_viewer: Any, torch: Any
) -> None:
    tensor = torch.empty(SIDE, SIDE, dtype=torch.int16, device="cuda")
    with connect() as stream:
        for value in range(1000):
            tensor.fill_(value)  # overwrites what was sent just before
            stream.send(tensor, well="A01", timepoint=value)
        stream.flush()

    assert grey_values(reading_viewer) == list(range(1000))


@pytest.mark.jax
@pytest.mark.parametrize(("shape", "count"), [(SMALL, 1000), (LARGE, 60)])
def test_what_jax_computes_from_what_it_sent_before_arrives_in_order(
    shape: tuple[int, int], count: int, connect: Callable[..., Any], reading_viewer: Any, jax: Any
) -> None:
    step, array = jax.jit(lambda a: a + 1), jax.numpy.zeros(shape, "uint16")
    with connect(shape) as stream:
        for value in range(count):
            stream.send(array, well="A01", timepoint=value)
            array = step(array)  # nothing of ours has the one before
        stream.flush()

    assert grey_values(reading_viewer) == list(range(count))


@pytest.mark.jax
def test_small_and_large_arrays_of_jax_and_the_host_arrive_in_the_order_of_sending(
    connect: Callable[..., Any], reading_viewer: Any, jax: Any
) -> None:
    with connect(LARGE) as stream:
        for value in range(90):
            image = np.full(SMALL if value % 2 else LARGE, value, np.uint16)
            stream.send(jax.device_put(image) if value % 3 else image)
        stream.flush()

    assert grey_values(reading_viewer) == list(range(90))


@pytest.mark.torch
def test_images_of_device_and_host_arrive_in_the_order_of_sending(
    connect: Callable[..., Any], reading_viewer: Any, torch: Any
) -> None:
    with connect() as stream:
        for value in range(200):
            image = np.full((SIDE, SIDE), value, np.uint16)
            stream.send(torch.from_numpy(image).cuda() if value % 3 else image)
        stream.flush()

    assert grey_values(reading_viewer) == list(range(200))


@pytest.mark.torch
def test_two_streams_of_the_device_keep_their_orders(
    connect: Callable[..., Any], reading_viewer: Any, torch: Any
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


@pytest.mark.torch
@pytest.mark.jax
def test_threads_that_use_a_library_each_keep_their_orders(
    connect: Callable[..., Any], reading_viewer: Any, torch: Any, jax: Any
) -> None:
    stream = connect(LARGE)
    makers: list[Callable[[np.ndarray], object]] = [
        jax.device_put,
        lambda image: torch.from_numpy(image).cuda(),
        lambda image: jax.device_put(image) + np.uint16(0),  # which is computed when it is sent
        lambda image: image,
    ]

    def send(place: int) -> None:
        for value in range(60):
            image = np.full(LARGE if value % 4 == place else SMALL, 1000 * place + value, np.uint16)
            stream.send(makers[place](image))

    with ThreadPoolExecutor(len(makers)) as threads:
        list(threads.map(send, range(len(makers))))
    stream.close()

    arrived = grey_values(reading_viewer)
    for place in range(len(makers)):
        assert [value % 1000 for value in arrived if value // 1000 == place] == list(range(60))


KILLED = """
import sys, time, numpy, hcs_stream
{set_up}
stream = hcs_stream.connect(data_port=int(sys.argv[1]), start=False)
stream.send(first)
stream.flush()
{send}
stream.send(numpy.full((512, 512), 3, numpy.uint16))
print("sent", flush=True)
time.sleep(60)
"""

KILLED_TORCH = (
    """
import torch
first = torch.full((512, 512), 1, dtype=torch.int16, device="cuda")
busy = torch.randn(8192, 8192, device="cuda")
""",
    """
for _ in range(300):
    busy = busy @ busy
first.fill_(2)
stream.send(first)
""",
)

KILLED_JAX = (
    """
import jax
first = jax.numpy.full((4096, 2048), 1, "uint16")
busy = jax.numpy.full((8192, 8192), 1 / 8192)
multiply = jax.jit(lambda a: jax.numpy.matmul(a, busy, precision="highest"))
second = jax.jit(lambda a: (a[:4096, :2048] * 16384).astype("uint16"))
second(multiply(busy)).block_until_ready()
""",
    """
for _ in range(30):
    busy = multiply(busy)
stream.send(second(busy))
""",
)


@pytest.mark.parametrize(
    ("library", "steps"),
    [
        pytest.param("torch", KILLED_TORCH, marks=pytest.mark.torch),
        pytest.param("jax", KILLED_JAX, marks=pytest.mark.jax),
    ],
)
def test_a_worker_killed_in_mid_copy_loses_what_was_not_published_and_leaves_no_half_image(
    library: str,
    steps: tuple[str, str],
    reading_viewer: Any,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    request.getfixturevalue(library)  # or there is nothing to try
    set_up, send = steps
    program = tmp_path / "killed.py"
    program.write_text(KILLED.format(set_up=set_up, send=send))
    command = [sys.executable, str(program), str(reading_viewer.connection.data_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "sent\n"
        worker.kill()

    hcs_shm.sweep()
    assert grey_values(reading_viewer) == [1]
    left = [found.name for found in hcs_shm.list_segments() if found.name.startswith(f"hcs-{worker.pid}-")]
    assert left == []
