"""Ctrl-C at unlucky places, and arrays that go while they are on their way: nothing is lost or sent twice."""

import gc
import os
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import numpy as np
import pytest

import hcs_stream
from hcs_protocol.testing import FakeLender
from hcs_stream._delivery import Delivery
from hcs_stream._holdings import Holdings
from hcs_stream._publisher import Publisher
from hcs_stream._shared_link import SharedLink

OURS = os.path.dirname(hcs_stream.__file__)


def grey_values(viewer: Any) -> list[int]:
    """The grey value of each image that arrived, in order."""
    return [pixels[0] for pixels in viewer.pixels()]


class Interrupt:
    """Ctrl-C when the n-th function of this package is entered, which is where Python looks for signals."""

    def __init__(self, n: int) -> None:
        self.left = n

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        if frame.f_code.co_filename.startswith(OURS):
            self.left -= 1
            if self.left < 0:
                sys.settrace(None)
                raise KeyboardInterrupt


def is_interrupted(call: Callable[[], object], n: int) -> bool:
    """Call this until its n-th function; say whether there was one."""
    before = sys.gettrace()
    sys.settrace(Interrupt(n))
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


class Once:
    """Ctrl-C before the real thing or behind it, the first time that it is called."""

    def __init__(self, patch: pytest.MonkeyPatch, where: type, name: str, *, behind: bool = False) -> None:
        self.came = False
        real = getattr(where, name)

        def interrupted(*arguments: Any, **keywords: Any) -> Any:
            is_first, self.came = not self.came, True
            if is_first and not behind:
                raise KeyboardInterrupt
            returned = real(*arguments, **keywords)
            if is_first:
                raise KeyboardInterrupt
            return returned

        patch.setattr(where, name, interrupted)


def test_wherever_a_send_is_interrupted_nothing_is_lost_sent_twice_or_left(
    viewer: Any, stream: Any, image: Any, lender: FakeLender
) -> None:
    assert stream._publishers[0].wait_until_open(20.0)
    n = 0
    while is_interrupted(partial(stream.send, image(n)), n):
        counted = stream.counters
        assert min(counted.queued, counted.in_flight, counted.published) >= 0
        stream.send(image(n), channel="again")
        stream.flush()
        n += 1
    stream.flush()

    by_channel: dict[object, list[int]] = {None: [], "again": []}
    for item, pixels in viewer.arrived:
        by_channel[item.address.components.channel].append(pixels[0])
    assert by_channel["again"] == list(range(n))
    assert len(set(by_channel[None])) == len(by_channel[None])
    assert stream.counters.adopted == stream.counters.published == len(viewer.arrived)
    assert not lender.owed


def test_wherever_it_is_interrupted_that_releases_are_heard_nothing_stays_owed(
    viewer: Any, stream: Any, image: Any, lender: FakeLender
) -> None:
    n, shared = 0, opened(stream)
    while True:
        viewer.releases = False
        stream.send(image(n))
        viewer.wait_for(lambda before=n: len(viewer.arrived) > before)
        with shared.lock:  # what the viewer says is taken here
            viewer.release()
            while not shared.link.session._control.poll(20_000):
                pass
            viewer.releases = True
            came = is_interrupted(partial(receive, shared), n)
        stream.flush()
        assert not lender.owed
        assert not lender.lent
        assert stream.counters.adopted == stream.counters.published == n + 1
        if not came:
            return
        n += 1


def opened(stream: Any) -> SharedLink:
    """The link of a stream that is heard."""
    publisher = stream._publishers[0]
    assert publisher.wait_until_open(20.0)
    return publisher._shared


def receive(shared: SharedLink) -> None:
    with shared:
        shared.receive()


# Arrays that nobody keeps.


def test_lent_arrays_that_nobody_keeps_go_in_a_batch(viewer: Any, stream: Any) -> None:
    def computed() -> Any:
        for site in range(1, 5):
            array = stream.lend((4, 5), "uint8")
            array[:] = site
            yield array, {"site": site}

    stream.send_batch(computed(), well="B03")
    stream.flush()

    assert grey_values(viewer) == [1, 2, 3, 4]


def test_a_lent_array_twice_in_a_batch_is_two_images(
    viewer: Any, new_stream: Any, lender: FakeLender
) -> None:
    viewer.releases, viewer.credit = False, (1, 1 << 20)
    stream = new_stream(viewer.connection.data_port)
    lent = stream.lend((4, 5), "uint8")
    lent[:] = 7

    stream.send_batch([(lent, {"site": 1}), (lent, {"site": 2})])
    del lent
    gc.collect()
    viewer.wait_for(lambda: len(viewer.arrived) == 1)
    viewer.releases = True
    viewer.release()
    stream.flush()

    assert grey_values(viewer) == [7, 7]
    assert not lender.lent


# Ctrl-C at a certain place.


def test_a_batch_that_is_interrupted_when_the_pool_is_full_is_not_published_twice(
    viewer: Any, stream: Any, image: Any, lender: FakeLender, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender.capacity = 40
    assert stream._publishers[0].wait_until_open(20.0)
    Once(monkeypatch, Publisher, "publish", behind=True)

    with pytest.raises(KeyboardInterrupt):
        stream.send_batch([image(1), image(2), image(3)])
    stream.flush()

    assert stream.counters.published == 2
    assert grey_values(viewer) == [1, 2]


def test_what_one_viewer_was_sent_when_ctrl_c_came_is_not_held_for_the_others(
    new_viewer: Any, new_stream: Any, image: Any, lender: FakeLender, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = new_viewer(), new_viewer()
    stream = new_stream(first.connection.data_port, second.connection.data_port)
    Once(monkeypatch, Publisher, "publish", behind=True)

    with pytest.raises(KeyboardInterrupt):
        stream.send(image(1))
    stream.send(image(2))
    stream.flush()

    assert (grey_values(first), grey_values(second)) == ([1, 2], [2])
    assert not lender.lent


def test_an_interrupted_release_does_not_keep_an_image_for_ever(
    viewer: Any, stream: Any, image: Any, lender: FakeLender, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.releases = False
    stream.send(image(1))
    viewer.wait_for(lambda: viewer.arrived)
    shared = stream._publishers[0]._shared
    Once(monkeypatch, Delivery, "_forget")
    with shared.lock:  # what the viewer says is taken here
        viewer.release()
        with pytest.raises(KeyboardInterrupt):
            receive_for_ever(shared)
    viewer.releases = True
    stream.send(image(2))
    stream.flush()

    assert grey_values(viewer) == [1, 2]
    assert not lender.lent


def receive_for_ever(shared: SharedLink) -> None:
    with shared:
        while True:
            shared.receive()


def test_the_number_of_what_was_sent_stands_in_the_journal_though_ctrl_c_came_before(
    viewer: Any, stream: Any, image: Any, lender: FakeLender, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.releases = False
    assert stream._publishers[0].wait_until_open(20.0)
    Once(monkeypatch, Holdings, "number")

    with pytest.raises(KeyboardInterrupt):
        stream.send(image(1))
    viewer.wait_for(lambda: viewer.arrived)

    assert viewer.sequences() == [1]
    assert list(lender.owed.values()) == [{0: 1}]


def test_what_is_interrupted_before_it_is_owed_does_not_count(
    viewer: Any, stream: Any, image: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Once(monkeypatch, Delivery, "enqueue")

    with pytest.raises(KeyboardInterrupt):
        stream.send(image(1))
    stream.send(image(2))
    stream.flush()

    assert grey_values(viewer) == [2]
    assert (stream.counters.published, stream.counters.queued) == (1, 0)


def test_an_array_that_could_not_be_sent_can_be_sent_again(
    viewer: Any, stream: Any, lender: FakeLender, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent = stream.lend((4, 5), "uint8")
    lent[:] = 5
    Once(monkeypatch, Holdings, "publish")

    with pytest.raises(KeyboardInterrupt):
        stream.send(lent)
    stream.send(lent)
    stream.flush()
    del lent
    gc.collect()
    stream.send(np.zeros((1, 1), np.uint8))
    stream.flush()

    assert grey_values(viewer) == [5, 0]
    assert not lender.lent
