"""Images that a device still copies, from devices whose copies end when a test says so."""

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hcs_protocol import DeviceError, PixelCopy, ViewerStalledError
from hcs_protocol.testing import FakeLender
from hcs_stream._copies import Copies, close_copies
from hcs_stream._registry import close_publishers

LONG = 20.0
MARK = 255
"""What lies in a block before the copy into it is done."""


class Copying:
    """A copy that ends when a test says so."""

    def __init__(self, array: np.ndarray, pixels: memoryview) -> None:
        self._array, self._pixels = array, pixels
        self.may_end = threading.Event()
        self.error: DeviceError | None = None
        pixels[:] = bytes([MARK]) * pixels.nbytes

    def end(self) -> None:
        self.may_end.set()

    def fail(self) -> None:
        self.error = DeviceError("cudaMemcpyAsync: the device is lost")
        self.end()

    def wait(self) -> None:
        assert self.may_end.wait(LONG)
        if self.error:
            raise self.error
        self._pixels[:] = self._array.tobytes()


class Later(Copying):
    """One that begins when it is told to."""

    def __init__(self, array: np.ndarray, pixels: memoryview) -> None:
        super().__init__(array, pixels)
        self.has_begun = threading.Event()

    def begin(self) -> None:
        self.has_begun.set()


class Device:
    """Writes arrays as a device does those that are marked, and others at once."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self.layout, self.write = writer.layout, writer.write
        self.copies: list[Copying] = []
        self.copying: type[Copying] = Copying
        self.was_waited_for = False

    def start(self, array: np.ndarray, pixels: memoryview) -> PixelCopy | None:
        if not isinstance(array, OnDevice):
            self.write(array, pixels)
            return None
        self.copies.append(self.copying(array, pixels))
        return self.copies[-1]

    def finish(self) -> None:
        self.was_waited_for = True


class OnDevice(np.ndarray):
    """An array on a device."""


def on_device(value: int) -> np.ndarray:
    return np.full((4, 5), value, np.uint8).view(OnDevice)


def on_host(value: int) -> np.ndarray:
    return np.full((4, 5), value, np.uint8)


@pytest.fixture
def device(stream: Any) -> Device:
    return equipped(stream)


def equipped(stream: Any) -> Device:
    device = Device(stream._room._writer)
    stream._room._writer = device
    return device


def grey_values(viewer: Any) -> list[int]:
    return [pixels[0] for pixels in viewer.pixels()]


def test_an_image_is_published_when_its_copy_is_done(viewer: Any, stream: Any, device: Device) -> None:
    stream.send(on_device(7))
    assert stream.counters.published == 0

    device.copies[0].end()
    stream.flush()

    assert grey_values(viewer) == [7]


def test_while_a_copy_is_waited_for_the_next_one_begins(viewer: Any, stream: Any, device: Device) -> None:
    device.copying = Later
    for value in range(3):
        stream.send(on_device(value))
    first, second, third = (copy for copy in device.copies if isinstance(copy, Later))
    first.end()
    assert third.has_begun.wait(LONG)  # while the second is waited for
    stream.send(on_device(3))
    fourth = device.copies[3]
    assert second.has_begun.is_set()
    assert isinstance(fourth, Later)
    assert not fourth.has_begun.is_set()

    for copy in device.copies:
        copy.end()
    stream.flush()
    assert fourth.has_begun.is_set()
    assert grey_values(viewer) == [0, 1, 2, 3]


def test_what_is_sent_after_it_waits_behind_it(viewer: Any, stream: Any, device: Device) -> None:
    stream.send(on_host(1))
    stream.send(on_device(2))
    stream.send(on_host(3))
    stream.send_batch([on_host(4), on_device(5), on_host(6)])
    stream.send(on_device(7))
    stream.send(on_host(8))
    for copy in reversed(device.copies):
        copy.end()
    stream.flush()

    assert grey_values(viewer) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_other_streams_do_not_wait(
    viewer: Any, stream: Any, device: Device, new_stream: Callable[..., Any]
) -> None:
    other = new_stream(viewer.connection.data_port)

    stream.send(on_device(1))
    other.send(on_host(2))
    other.flush()
    assert grey_values(viewer) == [2]

    device.copies[0].end()
    stream.flush()
    assert grey_values(viewer) == [2, 1]


def test_nothing_is_owed_before_the_pixels_are_there(stream: Any, device: Device, lender: FakeLender) -> None:
    stream.send(on_device(7))
    assert len(lender.lent) == 1
    assert lender.entries == {}  # a worker killed now leaves no half image

    device.copies[0].end()
    stream.flush()


def test_a_copy_that_fails_is_one_image_less_and_flush_says_so(
    viewer: Any, stream: Any, device: Device, lender: FakeLender, caplog: pytest.LogCaptureFixture
) -> None:
    stream.send_batch([on_device(1), on_device(2), on_host(3)])
    device.copies[0].end()
    device.copies[1].fail()

    with pytest.raises(DeviceError, match="the device is lost"):
        stream.flush()
    stream.flush()  # it is said once

    assert grey_values(viewer) == [1, 3]
    assert lender.lent == {}
    assert [record.message for record in caplog.records if "lost in a device" in record.message]


def test_a_copy_that_cannot_begin_is_an_error_of_that_image(
    viewer: Any, stream: Any, device: Device, lender: FakeLender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(array: object, pixels: memoryview) -> None:
        raise DeviceError("torch.Tensor: CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(device, "start", refuse)
        with pytest.raises(DeviceError, match="out of memory"):
            stream.send(on_device(1))
    assert lender.lent == {}

    stream.send(on_host(2))
    stream.flush()
    assert grey_values(viewer) == [2]


@pytest.mark.parametrize("where", ["must_wait", "add"])
def test_who_is_interrupted_before_an_image_has_its_turn_waits_for_the_device(
    where: str, viewer: Any, stream: Any, device: Device, lender: FakeLender, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[bool] = []
    give_back = stream._holdings._give_back
    monkeypatch.setattr(
        stream._holdings,
        "_give_back",
        lambda held: waited.append(device.was_waited_for) or give_back(held),
    )

    monkeypatch.setattr(stream._copies, where, interrupted)
    with pytest.raises(KeyboardInterrupt):
        stream.send(on_device(1))

    assert waited == [True]  # else the device would write into the next image
    assert lender.lent == {}


def test_an_image_that_had_its_turn_when_ctrl_c_came_is_sent(
    viewer: Any, stream: Any, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = stream._copies.add
    monkeypatch.setattr(stream._copies, "add", lambda images: interrupted(add(images)))
    with pytest.raises(KeyboardInterrupt):
        stream.send(on_device(1))
    device.copies[0].end()
    stream.flush()

    assert grey_values(viewer) == [1]


def interrupted(*arguments: object) -> None:
    raise KeyboardInterrupt


def test_many_more_images_than_blocks_arrive_in_order(
    viewer: Any, stream: Any, device: Device, lender: FakeLender
) -> None:
    lender.capacity = 16 * 20
    done = threading.Event()

    def end_copies() -> None:
        ended = 0
        while not done.is_set():
            while ended < len(device.copies):
                device.copies[ended].end()
                ended += 1
            done.wait(0.001)

    ending = threading.Thread(target=end_copies)
    ending.start()
    for value in range(1000):
        stream.send(on_device(value % 250))
    stream.flush()
    done.set()
    ending.join()

    assert grey_values(viewer) == [value % 250 for value in range(1000)]


def test_flush_says_what_is_left_in_a_device(stream: Any, device: Device) -> None:
    stream.send(on_device(1))

    with pytest.raises(ViewerStalledError, match=r"1 images are left in a device after 0\.01 s"):
        stream.flush(0.01)

    device.copies[0].end()


def test_flush_waits_for_nothing_that_is_sent_meanwhile(
    viewer: Any, stream: Any, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, is_running = threading.Event(), stream._copies._is_running
    monkeypatch.setattr(stream._copies, "_is_running", lambda: begun.set() or is_running())
    stream.send(on_device(0))
    begun.clear()
    flushing = threading.Thread(target=stream.flush)
    flushing.start()
    assert begun.wait(LONG)
    with stream._copies._changed:
        pass  # it waits now
    for value in range(1, 50):  # there is always one that is under way
        stream.send(on_device(value))
        device.copies[value - 1].end()
    flushing.join(LONG)

    assert not flushing.is_alive()
    assert not device.copies[-1].may_end.is_set()
    device.copies[-1].end()
    stream.flush()
    assert grey_values(viewer) == list(range(50))


def test_what_nobody_expected_of_a_copy_is_one_image_less_too(
    viewer: Any, stream: Any, device: Device, lender: FakeLender
) -> None:
    stream.send_batch([on_host(1), on_device(2), on_host(3)])
    device.copies[0].error = KeyError("a code of CUDA that the bindings do not know")
    device.copies[0].end()

    with pytest.raises(DeviceError, match="an image was lost: KeyError"):
        stream.flush()

    assert grey_values(viewer) == [1, 3]
    assert lender.lent == {}


def test_where_no_thread_can_be_started_callers_publish_in_turn(
    viewer: Any, stream: Any, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers = [threading.Thread(target=stream.send, args=[on_device(value)]) for value in range(4)]
    all_begun, start = threading.Barrier(len(callers) + 1, timeout=LONG), device.start

    def start_together(array: np.ndarray, pixels: memoryview) -> PixelCopy | None:
        copy = start(array, pixels)
        all_begun.wait()
        return copy

    monkeypatch.setattr(stream._copies, "_start", lambda: False)
    monkeypatch.setattr(device, "start", start_together)
    for caller in callers:
        caller.start()
    all_begun.wait()
    for copy in device.copies:
        copy.end()
    for caller in callers:
        caller.join(LONG)
    stream.flush()

    assert sorted(grey_values(viewer)) == list(range(len(callers)))


def test_closing_waits_for_copies(viewer: Any, stream: Any, device: Device) -> None:
    stream.send(on_device(1))
    threading.Timer(0.05, device.copies[0].end).start()

    stream.close()

    assert grey_values(viewer) == [1]


def test_a_process_that_ends_waits_for_copies(viewer: Any, stream: Any, device: Device) -> None:
    stream.send(on_device(1))
    threading.Timer(0.05, device.copies[0].end).start()

    close_publishers()

    assert grey_values(viewer) == [1]


def test_a_process_that_ends_waits_once_for_all_streams_of_a_device_that_hangs(
    viewer: Any, stream: Any, new_stream: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [stream, *(new_stream(viewer.connection.data_port) for _ in range(3))]
    devices = [equipped(one) for one in streams]
    for one in streams:
        one.send(on_device(1))
    waited: list[float] = []
    settle = Copies.settle
    for one in streams:
        monkeypatch.setattr(
            one._copies,
            "settle",
            lambda timeout, one=one: waited.append(timeout) or settle(one._copies, timeout),
        )
    monkeypatch.setattr("hcs_stream._copies.ENDING_SECONDS", 0.1)

    close_copies(0.0)
    for device in devices:
        device.copies[0].end()

    assert sorted(waited)[:-1] == [0.0] * 3


def test_without_room_and_without_waiting_the_batch_goes_on(
    viewer: Any, stream: Any, device: Device, lender: FakeLender
) -> None:
    lender.capacity = 2 * 20

    def images() -> Any:
        for value in range(2):
            yield on_device(value)
        threading.Timer(0.05, lambda: [copy.end() for copy in device.copies]).start()
        for value in range(2, 7):
            yield on_host(value)

    stream.send_batch(images())
    stream.flush()

    assert grey_values(viewer) == list(range(7))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_forked_child_has_no_copies(stream: Any, device: Device) -> None:
    stream.send(on_device(1))
    if (child := os.fork()) == 0:
        os._exit(stream._copies.settle(0.0))

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    device.copies[0].end()
    stream.flush()
