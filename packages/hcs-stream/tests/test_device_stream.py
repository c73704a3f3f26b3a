"""A stream from devices that are threads, by the calls that a real one gets: in order, and whatever fails."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fake_cudart
import numpy as np
import pytest

import hcs_shm
from hcs_shm import BlockReader

SHAPE = (128, 256)
BEGIN = """
import sys, threading
import fake_cudart as device
device.install()
import cupy, numpy
import hcs_protocol, hcs_stream
stream = hcs_stream.connect(data_port=int(sys.argv[1]), start=False, overflow="block(20)")
def image(value): return numpy.full((128, 256), value, numpy.uint16)
"""

Work = Callable[..., str]


@pytest.fixture
def viewer(new_viewer: Callable[..., Any]) -> Iterator[Any]:
    """A viewer that opens the blocks of real pools."""
    viewer = new_viewer()
    viewer.opener = reader = BlockReader()
    yield viewer
    reader.close()


@pytest.fixture
def command(viewer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Make the command of a worker that sends to that viewer, with a pool of 16 images."""
    monkeypatch.setenv("PYTHONPATH", str(Path(fake_cudart.__file__).parent))
    monkeypatch.setenv("HCS_SHM_BUDGET", str(17 * 2 * SHAPE[0] * SHAPE[1] + (1 << 20)))

    def command(code: str) -> list[str]:
        program = tmp_path / "worker.py"
        program.write_text(BEGIN + code)
        return [sys.executable, str(program), str(viewer.connection.data_port)]

    return command


@pytest.fixture
def work(command: Callable[[str], list[str]]) -> Work:
    """Have a worker send, and return what it said; its log goes with it."""

    def work(code: str, **environ: str) -> str:
        done = subprocess.run(
            command(code),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=50,
            check=False,
            env=os.environ | environ,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return work


def grey_values(viewer: Any) -> list[int]:
    """The grey value of each image that arrived, all of whose pixels have to have it."""
    planes = [np.frombuffer(pixels, np.uint16) for pixels in viewer.pixels()]
    assert all((plane == plane[0]).all() for plane in planes)
    return [int(plane[0]) for plane in planes]


def test_a_thousand_images_of_one_array_arrive_in_order(viewer: Any, work: Work) -> None:
    said = work("""
array = cupy.asarray(image(0))
for value in range(1000):
    array.fill(value)  # overwrites what was sent just before
    stream.send(array, timepoint=value)
stream.close()
print(device.pinned, device.contexts, device.calls.count("cudaMemcpy2DAsync"))
""")

    assert said == "{} {0} 0\n"
    assert grey_values(viewer) == list(range(1000))


def test_a_device_that_nobody_uses_is_not_touched(viewer: Any, work: Work) -> None:
    said = work("""
from cuda.bindings import runtime, driver
runtime.cudaSetDevice(1)
arrays = [cupy.asarray(image(value)) for value in range(40)]
driver.cuCtxSetCurrent(0)
device._mine.device = 0  # as in a thread that used none
for array in arrays:
    stream.send(array)
stream.close()
print(device.contexts, device._mine.context)
""")

    assert said == "{1} 0\n"
    assert grey_values(viewer) == list(range(40))


def test_devices_and_their_streams_and_the_host_keep_the_order_of_sending(viewer: Any, work: Work) -> None:
    work("""
from cuda.bindings import runtime
lanes = []
for number in range(2):
    runtime.cudaSetDevice(number)
    lanes += [(number, device.LEGACY), (number, runtime.cudaStreamCreateWithFlags(1)[1])]
for value in range(300):
    if value % 5 == 4:
        stream.send(image(value))
        continue
    number, lane = lanes[value % 5]
    runtime.cudaSetDevice(number)
    with device.on_stream(lane):
        array = cupy.asarray(image(0))
        array.fill(value)
        stream.send(array.T.T if value % 3 else array[:, ::-1])
        array.fill(9999)
""")

    assert grey_values(viewer) == list(range(300))


@pytest.mark.parametrize("refused", [["cudaHostRegister"], ["cudaHostRegister", "cudaHostAlloc"]])
def test_what_is_not_pinned_arrives_all_the_same(refused: list[str], viewer: Any, work: Work) -> None:
    said = work(f"""
device.failing.update(dict.fromkeys({refused}, 1))
array = cupy.asarray(image(0))
for value in range(40):
    array.fill(value)
    stream.send(array[2:70, 8:120] if value % 2 else array)
stream.close()
""")

    assert said.count("memory not pinned") == 1
    assert grey_values(viewer) == list(range(40))


def test_a_copy_that_cannot_begin_is_one_image_less(viewer: Any, work: Work) -> None:
    work("""
for value in range(6):
    device.failing.update(cudaMemcpyAsync=value == 3)
    try:
        stream.send(cupy.asarray(image(value)))
    except hcs_protocol.DeviceError as error:
        assert value == 3 and "cudaErrorMemoryAllocation" in str(error), error
""")

    assert grey_values(viewer) == [0, 1, 2, 4, 5]


def test_devices_that_are_lost_cost_their_images_and_no_others(viewer: Any, work: Work) -> None:
    said = work("""
stream.send(cupy.asarray(image(1)))
stream.flush()
device.may_run.clear()
arrays = [cupy.asarray(image(value)) for value in range(2, 6)]
for array in arrays:
    stream.send(array)
stream.send(image(6))
device.lose()
try: stream.flush()
except hcs_protocol.DeviceError as error: print("flush:", error)
try: stream.send(arrays[0])
except hcs_protocol.DeviceError as error: print("send:", error)
stream.send(image(7))
stream.flush()
""")

    assert said.count("image lost in a device") == 4
    assert said.count("cudaErrorLaunchFailure") == 4 + 2
    assert {"flush", "send"} <= {line.partition(": cuda")[0] for line in said.splitlines()}
    assert grey_values(viewer) == [1, 6, 7]


def test_a_process_that_ends_amid_copies_waits_for_them(viewer: Any, work: Work) -> None:
    work("""
device.may_run.clear()
for value in range(5):
    stream.send(cupy.asarray(image(value)))
threading.Timer(0.2, device.may_run.set).start()
""")

    assert grey_values(viewer) == list(range(5))


@pytest.mark.long
def test_a_process_ends_though_its_device_never_does(viewer: Any, work: Work) -> None:
    said = work(
        """
stream.send(image(1))
device.may_run.clear()
stream.send(cupy.asarray(image(2)))
""",
        HCS_EXIT_TIMEOUT="0.1",
    )

    assert "images lost in a device left=1" in said
    assert grey_values(viewer) == [1]


def test_a_worker_killed_in_mid_copy_leaves_no_half_image(
    viewer: Any, command: Callable[[str], list[str]]
) -> None:
    code = """
stream.send(cupy.asarray(image(1)))
stream.flush()
device.may_run.clear()
stream.send(cupy.asarray(image(2)))
stream.send(image(3))
print("sent", flush=True)
threading.Event().wait()
"""
    with subprocess.Popen(command(code), stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "sent\n"
        worker.kill()

    hcs_shm.sweep()
    assert grey_values(viewer) == [1]
    assert [one.name for one in hcs_shm.list_segments() if one.name.startswith(f"hcs-{worker.pid}-")] == []
