"""What an error, or Ctrl-C, in the middle of a call costs."""

import threading

import pytest

from hcs_protocol import PoolFullError
from hcs_stream._frames import Frames
from hcs_stream._shared_link import SharedLink


class FakeLink:
    """Counts what happens to it."""

    def __init__(self) -> None:
        self.interrupts = 0
        self.says_something = False
        self.may_compress = False
        self.frames = Frames()

    def interrupt(self) -> None:
        self.interrupts += 1

    def receive(self) -> bool:
        return self.says_something


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def shared(link: FakeLink) -> SharedLink:
    return SharedLink(link)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), RuntimeError("a mistake")])
def test_whatever_interrupts_a_call_costs_the_session_and_leaves_no_lock(
    shared: SharedLink, link: FakeLink, error: BaseException
) -> None:
    with pytest.raises(type(error)), shared.lock, shared:
        raise error

    assert link.interrupts == 1
    assert not shared.lock.locked()


def test_an_error_that_is_raised_on_purpose_costs_nothing(shared: SharedLink, link: FakeLink) -> None:
    with pytest.raises(PoolFullError), shared.lock, shared:
        raise PoolFullError(1, 0)

    assert link.interrupts == 0


def test_a_call_has_the_link_for_itself(shared: SharedLink, link: FakeLink) -> None:
    with shared.lock, shared as given:
        assert given is link
        assert shared.lock.locked()

    assert link.interrupts == 0


def test_who_waits_hears_that_the_viewer_said_something(shared: SharedLink, link: FakeLink) -> None:
    heard = threading.Event()

    def wait() -> None:
        with shared.lock, shared.waited_for():
            shared.changed.wait_for(lambda: link.says_something)
        heard.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not heard.is_set():
        with shared.lock:
            link.says_something = shared.called.is_set()
            shared.receive()
    waiting.join()

    assert not shared.called.is_set()


def test_a_link_that_closes_stays_called(shared: SharedLink) -> None:
    with shared.lock, shared.waited_for():
        shared.close()

    assert shared.called.is_set()


@pytest.mark.parametrize(("between", "expected"), [(0.0005, 0.002), (0.004, 0.008), (60.0, 0.01)])
def test_callers_are_expected_back_after_twice_the_time_that_they_took(
    shared: SharedLink, between: float, expected: float
) -> None:
    for now in (100.0, 100.0 + between):
        shared.expect_callers(now)

    assert shared.spared(100.0 + between) == pytest.approx(expected)
    assert shared.spared(100.0 + between + expected) == pytest.approx(0.0, abs=1e-9)


def test_who_waits_for_room_hears_the_viewer_until_something_is_sent(shared: SharedLink) -> None:
    for now in (100.0, 100.001):
        shared.expect_callers(now)
    shared.waits_at = 100.002

    waiting = [shared.spared(now) for now in (100.002, 100.02, 100.031, 100.04)]
    shared.expect_callers(100.04)

    assert waiting == pytest.approx([0.008, 0.008, 0.001, 0.0])
    assert shared.spared(100.045) == pytest.approx(0.005)
