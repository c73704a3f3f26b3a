"""From a device into a block, on a device that is none."""

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import pytest
from fake_cuda import OTHER, OWN, FakeCuda, OnDevice, address_of, in_block, of, plane, start
from hypothesis import given
from hypothesis import strategies as st

from hcs_protocol import DeviceError, LentBlock, PixelWriter, UnsupportedArrayError
from hcs_protocol.testing import PixelWriterTests
from hcs_shm import ArrayWriter, BlockPool, _device, _lanes
from hcs_shm._device import DeviceCopies, DeviceCopy, LaterCopy
from hcs_shm._device_memory import DeviceMemory


@pytest.fixture
def pool() -> Iterator[BlockPool]:
    pool = BlockPool()
    yield pool
    pool.close()


class TestOnDevice(PixelWriterTests):
    def writer(self) -> PixelWriter:
        return of(FakeCuda())

    def array(self) -> object:
        return OnDevice(np.arange(12, dtype=np.uint16).reshape(3, 4))


def test_a_copy_is_begun_and_arrives_when_it_is_waited_for(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    block, pixels = pool.lend(plane().nbytes), plane()
    block.pixels[:2] = b"xx"

    copy = start(writer, OnDevice(pixels), block)
    assert bytes(block.pixels[:2]) == b"xx"

    copy.wait()
    assert (in_block(block) == pixels.ravel()).all()


def test_what_overwrites_the_array_afterwards_does_not_reach_the_image(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    pixels, block = plane(), pool.lend(plane().nbytes)

    copy = start(writer, OnDevice(pixels, OWN), block)
    cuda.launch(OWN, lambda: pixels.fill(0))
    cuda.run()
    copy.wait()

    assert (pixels == 0).all()
    assert (in_block(block) == plane().ravel()).all()


def test_what_computes_the_array_comes_before_its_copy(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    pixels, block = plane(), pool.lend(plane().nbytes)
    cuda.launch(OWN, lambda: pixels.fill(5))

    start(writer, OnDevice(pixels, OWN), block).wait()

    assert (in_block(block) == 5).all()


def test_a_copy_waits_for_no_other_stream(cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool) -> None:
    block = pool.lend(plane().nbytes)
    cuda.launch(OTHER, lambda: False)  # something that never ends

    start(writer, OnDevice(plane(), OWN), block).wait()

    assert (in_block(block) == plane().ravel()).all()


def test_an_array_whose_stream_is_not_known_is_waited_for(writer: ArrayWriter, pool: BlockPool) -> None:
    block = pool.lend(plane().nbytes)

    assert writer.start(OnDevice(plane(), None), block.pixels) is None
    assert (in_block(block) == plane().ravel()).all()


def test_what_the_default_stream_computes_comes_before_an_array_that_names_no_stream(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    pixels = plane()
    writer.start(OnDevice(plane(), OWN), pool.lend(pixels.nbytes).pixels)  # whose stream then is first
    for block in (pool.lend(pixels.nbytes).pixels, memoryview(bytearray(pixels.nbytes))):
        cuda.launch(1, lambda: pixels.__iadd__(1) is not None)  # as Numba computes, and names no stream

        assert writer.start(OnDevice(pixels, None), block) is None
        assert bytes(block) == pixels.tobytes()

    assert (pixels == plane(9)).all()


def test_the_stream_0_is_refused(writer: ArrayWriter) -> None:
    with pytest.raises(UnsupportedArrayError, match="a stream that is not 0"):
        writer.layout(OnDevice(plane(), 0))


def test_an_array_lives_until_it_is_copied(writer: ArrayWriter, pool: BlockPool) -> None:
    block, array = pool.lend(plane().nbytes), OnDevice(plane())
    gone = weakref.ref(array)
    copy = start(writer, array, block)
    del array
    assert gone() is not None

    copy.wait()
    assert gone() is None


def test_each_device_has_a_stream_of_its_own(cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool) -> None:
    here, there = plane(1), plane(2)
    cuda.devices[address_of(there)] = 1
    blocks = [pool.lend(plane().nbytes) for _ in range(2)]

    copies = [start(writer, OnDevice(here), blocks[0]), start(writer, OnDevice(there), blocks[1])]
    for copy in reversed(copies):
        copy.wait()

    assert cuda.device == 0
    assert [in_block(block)[0] for block in blocks] == [1, 2]
    assert cuda.calls.count("new_stream") == 2


@pytest.mark.parametrize("call", ["copy", "record"])
def test_a_copy_that_cannot_begin_is_an_error_of_that_image(
    call: str, cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    block = pool.lend(plane().nbytes)
    cuda.failing.add(call)
    with pytest.raises(DeviceError, match=f"{call}: the device is lost"):
        writer.start(OnDevice(plane()), block.pixels)

    cuda.failing.clear()
    start(writer, OnDevice(plane(9)), block).wait()
    assert (in_block(block) == plane(9).ravel()).all()


def test_a_copy_that_fails_says_so_whenever_it_is_asked(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    copy = start(writer, OnDevice(plane()), pool.lend(plane().nbytes))
    cuda.failing.add("wait")

    for _ in range(2):
        with pytest.raises(DeviceError, match="the device is lost"):
            copy.wait()


def test_events_are_used_again(cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool) -> None:
    for _ in range(50):
        start(writer, OnDevice(plane()), pool.lend(plane().nbytes)).wait()

    assert cuda.calls.count("new_event") == 1
    assert cuda.calls.count("new_spun_event") == 1


class Interrupted(list[object]):
    def append(self, value: object) -> None:
        super().append(value)
        raise KeyboardInterrupt


def test_no_two_copies_share_events_after_ctrl_c(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    copy = start(writer, OnDevice(plane()), pool.lend(plane().nbytes))
    unused = Interrupted()
    copy._lane.unused[False] = unused  # type: ignore[assignment]  # of events

    with pytest.raises(KeyboardInterrupt):
        copy.wait()
    copy.wait()
    assert len(unused) == 1


def test_an_array_that_is_computed_waits_for_nothing_and_is_kept_from_others_while_it_is_copied(
    cuda: FakeCuda, pool: BlockPool
) -> None:
    copies, block, pixels = DeviceCopies(cuda), pool.lend(plane().nbytes), plane()
    held: list[weakref.ref[object]] = []

    def hold(owner: object, stream: int) -> object:
        assert owner is pixels
        assert cuda.calls[-2:] == ["copy", "record"]
        kept = np.empty(1)
        held.append(weakref.ref(kept))
        return kept

    memory = DeviceMemory(pixels, address_of(pixels), 0, copies.stream_of(0), pixels.nbytes)
    memory.is_ready, memory.hold = True, hold
    copy = copies.start(memory, block.pixels)
    del memory

    assert copy is not None
    assert cuda.calls.count("record") == 1
    assert held[0]() is not None
    copy.wait()
    assert held[0]() is None
    assert (in_block(block) == plane().ravel()).all()


def later(copies: DeviceCopies, pixels: np.ndarray, find: Any) -> DeviceMemory:
    return DeviceMemory(pixels, 0, 0, copies.take_stream(0), pixels.nbytes, find=find)


def found(memory: DeviceMemory, _pixels: memoryview) -> DeviceMemory:
    owner, device, stream = memory.owner, memory.device, memory.stream
    return DeviceMemory(owner, address_of(owner), device, stream, memory.nbytes)


def test_an_array_that_nobody_can_change_is_held_and_copied_when_somebody_waits(
    cuda: FakeCuda, pool: BlockPool
) -> None:
    copies, block, pixels = DeviceCopies(cuda), pool.lend(plane().nbytes), plane()
    gone = weakref.ref(pixels)
    copy = copies.start(later(copies, pixels, found), block.pixels)
    del pixels

    assert copy is not None
    assert gone() is not None
    assert "copy" not in cuda.calls
    for _ in range(2):
        copy.wait()
    assert cuda.calls.count("copy") == 1
    assert gone() is None
    assert (in_block(block) == plane().ravel()).all()


def test_what_is_held_waits_for_nothing_that_is_held_after_it(cuda: FakeCuda, pool: BlockPool) -> None:
    copies, block, pixels = DeviceCopies(cuda), pool.lend(plane().nbytes), plane(0)
    memory, next_one = (later(copies, array, found) for array in (pixels, plane(9)))
    assert memory.stream is not None
    assert next_one.stream is not None
    cuda.launch(memory.stream, lambda: np.copyto(pixels, plane()))  # which JAX lets it wait for
    copy = copies.start(memory, block.pixels)
    cuda.launch(next_one.stream, lambda: False)  # it never is computed

    assert copy is not None
    copy.wait()
    assert (in_block(block) == plane().ravel()).all()


def fails(memory: DeviceMemory, pixels: memoryview) -> None:
    raise DeviceError("it is lost")


@pytest.mark.parametrize("find", [found, fails, lambda memory, pixels: None])
@pytest.mark.parametrize("pinned", [True, False])
def test_the_stream_of_what_is_held_is_used_again(
    find: Any, pinned: bool, cuda: FakeCuda, pool: BlockPool
) -> None:
    copies = DeviceCopies(cuda, pinned=pinned)
    for _ in range(20):
        with suppress(DeviceError):
            copy = copies.start(later(copies, plane(), find), pool.lend(plane().nbytes).pixels)
            if copy is not None:
                copy.wait()

    assert cuda.calls.count("new_stream") == 2


def test_so_many_arrays_that_are_held_share_their_streams(
    cuda: FakeCuda, pool: BlockPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_lanes, "MOST_STREAMS", 3)
    copies, blocks = DeviceCopies(cuda), [pool.lend(plane().nbytes) for _ in range(10)]

    started = [
        copies.start(later(copies, plane(value), found), block.pixels) for value, block in enumerate(blocks)
    ]
    for copy in reversed(started):
        assert copy is not None
        copy.wait()

    assert [in_block(block)[0] for block in blocks] == list(range(10))
    assert cuda.calls.count("new_stream") == 1 + 3


def test_its_copy_can_begin_before_somebody_waits(cuda: FakeCuda, pool: BlockPool) -> None:
    copies, block = DeviceCopies(cuda), pool.lend(plane().nbytes)
    copy = copies.start(later(copies, plane(), found), block.pixels)

    assert isinstance(copy, LaterCopy)
    for _ in range(2):
        copy.begin()
    assert cuda.calls.count("copy") == 1
    copy.wait()
    assert (in_block(block) == plane().ravel()).all()


def test_what_no_device_copies_after_all_is_there_when_somebody_has_waited(
    cuda: FakeCuda, pool: BlockPool
) -> None:
    def read(memory: DeviceMemory, pixels: memoryview) -> None:
        pixels[:] = memory.owner.tobytes()

    copies, block = DeviceCopies(cuda), pool.lend(plane().nbytes)
    copy = copies.start(later(copies, plane(), read), block.pixels)

    assert copy is not None
    copy.wait()
    assert (in_block(block) == plane().ravel()).all()
    assert "copy" not in cuda.calls


@pytest.mark.parametrize("error", [DeviceError("it is lost"), RuntimeError("it is lost")])
def test_why_an_array_was_not_found_is_said_whenever_it_is_asked(
    error: Exception, cuda: FakeCuda, pool: BlockPool
) -> None:
    def fail(memory: DeviceMemory, pixels: memoryview) -> None:
        raise error

    copies = DeviceCopies(cuda)
    copy = copies.start(later(copies, plane(), fail), pool.lend(plane().nbytes).pixels)

    assert isinstance(copy, LaterCopy)
    copy.begin()
    for _ in range(2):
        with pytest.raises(type(error), match="it is lost"):
            copy.wait()


def test_a_beginning_that_ctrl_c_cut_off_is_made_anew(cuda: FakeCuda, pool: BlockPool) -> None:
    def interrupted_once(memory: DeviceMemory, pixels: memoryview) -> DeviceMemory:
        if interrupts:
            raise interrupts.pop()
        return found(memory, pixels)

    copies, block, interrupts = DeviceCopies(cuda), pool.lend(plane().nbytes), [KeyboardInterrupt()]
    copy = copies.start(later(copies, plane(), interrupted_once), block.pixels)

    assert copy is not None
    with pytest.raises(KeyboardInterrupt):
        copy.wait()
    copy.wait()
    assert (in_block(block) == plane().ravel()).all()


def test_an_array_that_could_not_be_found_is_not_kept(cuda: FakeCuda, pool: BlockPool) -> None:
    def fail(memory: DeviceMemory, pixels: memoryview) -> None:
        raise RuntimeError("it is lost")

    copies, pixels = DeviceCopies(cuda), plane()
    gone = weakref.ref(pixels)
    copy = copies.start(later(copies, pixels, fail), pool.lend(pixels.nbytes).pixels)
    del pixels

    assert copy is not None
    with pytest.raises(RuntimeError, match="it is lost"):
        copy.wait()
    assert gone() is None


def test_where_no_memory_is_pinned_it_is_copied_at_once(cuda: FakeCuda, pool: BlockPool) -> None:
    copies, block = DeviceCopies(cuda, pinned=False), pool.lend(plane().nbytes)

    assert copies.start(later(copies, plane(), found), block.pixels) is None
    assert (in_block(block) == plane().ravel()).all()


def test_no_stream_waits_for_what_another_one_computes(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    is_computed = False
    cuda.launch(OWN, lambda: is_computed)
    slow = start(writer, OnDevice(plane(1), OWN), pool.lend(plane().nbytes))
    block, follows = pool.lend(plane().nbytes), []

    quick = start(writer, OnDevice(plane(2), OTHER), block)
    cuda.launch(OTHER, lambda: follows.append("it") is None)
    quick.wait()

    assert (in_block(block) == plane(2).ravel()).all()
    assert follows == ["it"]
    is_computed = True
    slow.wait()


def test_no_core_is_taken_until_a_large_image_is_there(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_device, "SPUN_NBYTES", plane().nbytes - 1)

    start(writer, OnDevice(plane()), pool.lend(plane().nbytes)).wait()

    assert "new_spun_event" not in cuda.calls


def test_several_threads_copy_at_once(cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool) -> None:
    blocks = [pool.lend(plane().nbytes) for _ in range(40)]

    def copy(value: int) -> None:
        start(writer, OnDevice(plane(value), OWN + value), blocks[value]).wait()

    threads = [threading.Thread(target=copy, args=[value]) for value in range(len(blocks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [in_block(block)[0] for block in blocks] == list(range(40))


def test_who_was_interrupted_can_wait_for_all_that_was_begun(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    block, array = pool.lend(plane().nbytes), OnDevice(plane())
    start(writer, array, block)

    writer.finish()

    assert (in_block(block) == plane().ravel()).all()


def test_threads_that_send_first_share_what_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Barrier(2, timeout=20)

    def runtime() -> FakeCuda:
        asked.wait()
        return FakeCuda()

    monkeypatch.setattr(_device, "cuda_runtime", runtime)
    monkeypatch.setattr(_device, "_process", {})
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(_device.process_copies())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found[0] is found[1] is _device.process_copies()


def test_why_no_device_copies_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def runtime() -> FakeCuda:
        raise DeviceError("the bindings of CUDA find no device (the driver is too old)")

    monkeypatch.setattr(_device, "cuda_runtime", runtime)
    monkeypatch.setattr(_device, "_process", {})

    assert [_device.process_copies() for _ in range(3)] == [None] * 3
    assert ["the driver is too old" in record.message for record in caplog.records] == [True]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_forked_child_asks_its_parents_devices_nothing(
    cuda: FakeCuda, writer: ArrayWriter, pool: BlockPool
) -> None:
    copy = start(writer, OnDevice(plane()), pool.lend(plane().nbytes))
    if (child := os.fork()) == 0:
        cuda.calls.clear()
        writer.finish()
        os._exit(len(cuda.calls))

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    copy.wait()


def fill(array: np.ndarray, value: int) -> None:
    array.fill(value)


LANES = st.integers(0, 2)
DEEDS = st.one_of(
    st.tuples(st.just("fill"), LANES, st.integers(1, 1 << 15)),
    st.tuples(st.just("send"), LANES, st.just(0)),
    st.tuples(st.just("step"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("wait"), st.integers(0, 99), st.just(0)),
)


@given(st.lists(DEEDS, max_size=60))
def test_whatever_a_device_does_first_each_image_is_what_was_sent(
    pool: BlockPool, deeds: list[tuple[str, int, int]]
) -> None:
    """Three pipelines, two of them on one device, fill their arrays and send them."""
    cuda = FakeCuda()
    writer = of(cuda)
    arrays = [np.zeros((4, 16), np.uint16) for _ in range(3)]
    cuda.devices = {address_of(array): place // 2 for place, array in enumerate(arrays)}
    lanes, now = [OWN, OTHER, 1], [0, 0, 0]
    sent: list[tuple[DeviceCopy, LentBlock, int]] = []
    for deed, which, value in deeds:
        match deed:
            case "fill":
                now[which] = value
                with cuda.on(which // 2):
                    cuda.launch(lanes[which], partial(fill, arrays[which], value))
            case "send":
                block = pool.lend(arrays[which].nbytes)
                sent.append((start(writer, OnDevice(arrays[which], lanes[which]), block), block, now[which]))
            case "step":
                cuda.step(which)
            case "wait" if sent:
                sent[which % len(sent)][0].wait()

    for copy, block, value in sent:
        copy.wait()
        assert (in_block(block) == value).all()
        pool.take_back(block.ref)
